"""Which frame belongs to which position: the ways that there are, one of them taken or a question asked, in words."""
