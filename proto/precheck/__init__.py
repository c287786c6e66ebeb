"""The wire contract; generated from proto/precheck by `make proto`."""
