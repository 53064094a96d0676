"""What operators can do to a running bridge, as typed functions. The API and the command line share them."""
