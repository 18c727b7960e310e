"""Reports: what was measured, for machines and for people."""
