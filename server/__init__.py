"""The service: gRPC, HTTP gateway, history, records, packs in production, command line."""
