"""A small HTTP server that answers as Grafana's documented HTTP API does: folders, data sources, dashboards.

Grafana itself cannot be installed here. What is answered is what its pages 'Folder API', 'Data source API' and
'Dashboard API' show, as far as publishing needs it.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, object]


class Grafana:
    """What the server holds. Put an answer into `always` to give it to every request."""

    def __init__(self) -> None:
        self.token = "glsa_right"
        self.prefix = ""
        self.url = ""
        self.folders: dict[str, dict[str, Any]] = {}
        self.sources: dict[str, dict[str, Any]] = {}
        self.boards: dict[str, dict[str, Any]] = {}
        self.always: Answer | None = None
        self.writes: list[str] = []

    def answer(self, method: str, path: str, token: str, body: Any) -> Answer:
        """The status and JSON for one request."""
        if self.always is not None:
            return self.always
        if token != f"Bearer {self.token}":
            return 401, {"message": "Invalid API key"}
        if method != "GET":
            self.writes.append(f"{method} {path}")
        match method, path.removeprefix(f"{self.prefix}/api/").split("/"):
            case "GET", ["folders", uid]:
                return _or_404(self.folders.get(uid), "folder not found")
            case "POST", ["folders"]:
                return self._create_folder(body)
            case "PUT", ["folders", uid]:
                self.folders[uid]["title"] = body["title"]
                return 200, self.folders[uid]
            case "GET", ["datasources", "uid", uid]:
                return _or_404(self._shown(uid), "Data source not found")
            case "POST", ["datasources"]:
                return self._create_source(body)
            case "PUT", ["datasources", "uid", uid]:
                self.sources[uid] = body
                return 200, {"datasource": self._shown(uid), "message": "Datasource updated", "name": body["name"]}
            case "GET", ["dashboards", "uid", uid]:
                return _or_404(self.boards.get(uid), "Dashboard not found")
            case "POST", ["dashboards", "db"]:
                return self._save_board(body)
        return 404, {"message": "Not found"}

    def _create_folder(self, body: Any) -> Answer:
        if body["uid"] in self.folders:
            return 409, {"message": "a folder with the same UID already exists"}
        self.folders[body["uid"]] = body | {"id": 1, "url": f"/dashboards/f/{body['uid']}/x", "version": 1}
        return 200, self.folders[body["uid"]]

    def _create_source(self, body: Any) -> Answer:
        if any(source["name"] == body["name"] for source in self.sources.values()):
            return 409, {"message": "data source with the same name already exists"}
        self.sources[body["uid"]] = body
        return 200, {
            "datasource": self._shown(body["uid"]),
            "id": 1,
            "message": "Datasource added",
            "name": body["name"],
        }

    def _shown(self, uid: str) -> dict[str, Any] | None:
        source = self.sources.get(uid)
        if source is None:
            return None
        secrets = dict.fromkeys(source["secureJsonData"], True)
        return {name: value for name, value in source.items() if name != "secureJsonData"} | {
            "secureJsonFields": secrets
        }

    def _save_board(self, body: Any) -> Answer:
        board = body["dashboard"]
        there = self.boards.get(board["uid"])
        if there is not None and not body["overwrite"]:
            return 412, {"message": "A dashboard with the same uid already exists", "status": "name-exists"}
        if body["folderUid"] not in self.folders:
            return 400, {"message": "folder not found"}
        version = there["dashboard"]["version"] + 1 if there else 1
        meta = {"folderUid": body["folderUid"], "url": f"/d/{board['uid']}/x", "slug": "x"}
        self.boards[board["uid"]] = {"dashboard": board | {"id": 7, "version": version}, "meta": meta}
        return 200, {"id": 7, "uid": board["uid"], "url": meta["url"], "status": "success", "version": version}


def _or_404(found: object, message: str) -> Answer:
    return (404, {"message": message}) if found is None else (200, found)


@contextmanager
def serving(grafana: Grafana) -> Iterator[str]:
    """Serve it on a free port; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"null")
            status, said = grafana.answer(self.command, self.path, self.headers.get("Authorization") or "", body)
            payload = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_POST = do_PUT = do_GET

        def log_message(self, *_arguments: object) -> None:
            """Quietly."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        grafana.url = f"http://127.0.0.1:{server.server_address[1]}{grafana.prefix}"
        try:
            yield grafana.url
        finally:
            server.shutdown()
            thread.join()
