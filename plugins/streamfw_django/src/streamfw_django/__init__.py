"""streamfw in Django: settings, checks, commands, models and templates."""
