"""What runs have stored, for those who want it outside of them."""
