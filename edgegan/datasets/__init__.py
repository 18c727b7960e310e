"""Data sets: file readers and the catalogue of where data comes from. Data is never downloaded."""
