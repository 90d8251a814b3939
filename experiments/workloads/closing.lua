-- Each request on a connection of its own.
wrk.headers["Connection"] = "close"
