"""Stands between a program and an object store, and makes trouble: the first read of every object is answered with 503, and
the body of the second one is cut half-way. Usage: proxy.py PORT STORE_PORT. On SIGTERM it says how often it did so."""
import collections, http.client, http.server, signal, sys, threading

port, store = int(sys.argv[1]), int(sys.argv[2])
reads, told, lock = collections.Counter(), collections.Counter(), threading.Lock()


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        lists = "?" in self.path
        with lock:
            reads[self.path] += self.command == "GET" and not lists
            turn = reads[self.path] if self.command == "GET" and not lists else 0
            told[{1: "refused", 2: "cut"}.get(turn, "passed on")] += 1
        if turn == 1:
            self.send_response(503)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        upstream = http.client.HTTPConnection("127.0.0.1", store)
        upstream.request(self.command, self.path, headers=dict(self.headers))
        reply = upstream.getresponse()
        body = reply.read()
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        if reply.getheader("Content-Length") is None:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if turn == 2:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.close_connection = True
        elif self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = answer

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Proxy)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
print(", ".join(f"{count} {what}" for what, count in sorted(told.items())))
