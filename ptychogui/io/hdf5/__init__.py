"""HDF5 as scan files use it: opened with errors a user can act on, quantities in any unit, positions in any layout."""
