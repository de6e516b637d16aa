"""Runs a program unchanged on uvloop, without aioxide: `python on_uvloop.py PROGRAM`.

Whatever makes a new loop gets one of uvloop's. No policy is set: those are deprecated in 3.14.
"""

import asyncio
import runpy
import sys

import uvloop

asyncio.new_event_loop = asyncio.events.new_event_loop = uvloop.new_event_loop
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
