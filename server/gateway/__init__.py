"""The HTTP gateway: a process of its own that passes documents on to the gRPC service, and knows no field of them.

It looks for a refused message's id, to echo it, and for nothing else.
"""
