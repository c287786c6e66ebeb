"""The command line: one module per command group, all of them reached through `server.__main__`."""
