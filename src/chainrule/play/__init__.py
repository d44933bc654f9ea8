"""The playground: `chainrule play` opens a page in the browser where one types an expression and sees its gradients.

The page is that of an explanation (`explain/page`), with an editor above it (`assets`). The text is sent to a
server on this computer (`server.py`), which gets the explanation of the expression (`answers.py`) from a worker process
(`bounded.py`, `worker.py`). An expression is explained in the same way as on the command line.
"""
