"""The command line `streamfw`; it needs the extra `[cli]`, and nothing else imports it."""
