"""The playground: `chainrule play` opens a page in the browser where one types an expression and sees its gradients.

The page is that of an explanation (`explain/page`), with an editor above it (`assets`). What is typed is sent to a
server on this computer (`server.py`), which asks a process of its own (`bounded.py`, `worker.py`) for the story of the
expression (`answers.py`). Nothing is derived here: an expression is explained as on the command line.
"""
