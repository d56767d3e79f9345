"""`streamfw replay`: a real social log through a real manager, measured, and held against brute force."""
