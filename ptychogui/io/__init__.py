"""Files: scans of any format read, results and exports written."""
