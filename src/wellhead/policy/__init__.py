"""Deciding: values in, values out.  No I/O, no clock, no await, no log."""
