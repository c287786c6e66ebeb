"""The HTTP gateway: a process of its own that passes documents on to the gRPC service, and knows no field of them."""
