"""The admin API: a FastAPI application inside the process. Who may call it was decided in the doorway.

Writes go through `runtime.changes` and are in force when the answer comes; reads of the store run in threads. One
module for each kind of thing; `application` puts them together.
"""
