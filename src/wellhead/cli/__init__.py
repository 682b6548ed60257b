"""The command line: thin commands that load the configuration and call one thing each.

Exit codes: 0 done, 1 failed, 2 wrong use or configuration.  Errors are one line
each, on stderr, and say what to do; a traceback is always a mistake of ours.
What a command needs is imported when it runs, so `--help` is quick.
"""
