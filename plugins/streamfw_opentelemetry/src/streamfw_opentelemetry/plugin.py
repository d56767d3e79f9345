"""What this plugin offers. Only core is imported here; the library is when the backend is first used."""
