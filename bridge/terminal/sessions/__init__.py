"""Sessions at terminals: their shells, and the commands to which programs and files may still be added."""
