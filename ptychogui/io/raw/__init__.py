"""Raw frames as beamlines write them: single files, masters with links, virtual stacks and numbered series."""
