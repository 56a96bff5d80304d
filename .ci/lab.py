"""Starts `course lab`, opens two notebooks' kernels through the server at once, runs the first cells of what it serves and
some of its own, and tells how long everything takes."""

import json
import re
import statistics
import subprocess
import sys
import threading
import time
import uuid

import requests
import websocket

READY_WITHIN = 60  # seconds; on a quiet machine it takes a fifth of this


def start(course):
    begin = time.monotonic()
    lab = subprocess.Popen([course, "lab", "--no-browser"], stdout=subprocess.PIPE, text=True)
    for line in lab.stdout:
        if found := re.search(r"(http://127\.0\.0\.1:\d+)/lab/tree/\S+\?token=(\w+)", line):
            threading.Thread(target=lab.stdout.read, daemon=True).start()
            return lab, found[1], found[2], time.monotonic() - begin
    sys.exit("`course lab` ended without an address")


class Kernel:
    def __init__(self, server, token, notebook):
        headers = {"Authorization": f"token {token}"}
        session = {"path": notebook, "name": notebook, "type": "notebook", "kernel": {"name": "rust"}}
        begin = time.monotonic()
        answer = requests.post(f"{server}/api/sessions", json=session, headers=headers, timeout=60)
        answer.raise_for_status()
        kernel = answer.json()["kernel"]["id"]
        address = f"{server.replace('http', 'ws')}/api/kernels/{kernel}/channels"
        self.socket = websocket.create_connection(address, header=headers, timeout=120)
        self.run("1;")
        self.ready = time.monotonic() - begin

    def run(self, code):
        """Runs a cell; gives its seconds and everything that it printed, errors too."""
        request = uuid.uuid4().hex
        header = {"msg_id": request, "msg_type": "execute_request", "session": "ci", "username": "ci", "version": "5.3"}
        content = {"code": code, "silent": False, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        begin = time.monotonic()
        self.socket.send(json.dumps(message))
        text = ""
        while True:
            message = json.loads(self.socket.recv())
            if message.get("parent_header", {}).get("msg_id") != request:
                continue
            content = message["content"]
            text += content.get("text", "") + content.get("evalue", "") + str(content.get("data", ""))
            if message["msg_type"] == "status" and content["execution_state"] == "idle":
                return time.monotonic() - begin, text


def first_cells(server, token, notebook):
    """What a learner runs first: the cell that asks for the library, and the next."""
    answer = requests.get(f"{server}/api/contents/{notebook}", headers={"Authorization": f"token {token}"}, timeout=60)
    answer.raise_for_status()
    cells = [cell["source"] for cell in answer.json()["content"]["cells"] if cell["cell_type"] == "code"]
    assert cells[0].startswith(":dep pushforward"), cells[0]
    return cells[:2]


def use(server, token, notebook, results):
    kernel = Kernel(server, token, notebook)
    for cell in first_cells(server, token, notebook):
        _, text = kernel.run(cell)
        assert "error" not in text.lower() and "failed" not in text, text
    cells = ["let a = 20;", "let b = a + 1;", "2 * b", "use pushforward::tensor::Source;", "let c: u8 = \"no\";", "a + b"]
    seconds, texts = zip(*(kernel.run(cell) for cell in cells))
    assert "42" in texts[2] and "41" in texts[5], texts
    assert "mismatched types" in texts[4] or "expected" in texts[4], texts
    results[notebook] = kernel.ready, seconds


def main():
    lab, server, token, opened = start(sys.argv[1])
    try:
        notebooks, results = ["00_tensors_and_tapes.ipynb", "01_change_of_variables.ipynb"], {}
        threads = [threading.Thread(target=use, args=(server, token, name, results)) for name in notebooks]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        print(f"JupyterLab answered after {opened:.1f} s")
        for name in notebooks:
            ready, seconds = results[name]
            print(f"{name}: kernel ready in {ready:.1f} s; cells {', '.join(f'{s:.2f}' for s in seconds)} s,", end=" ")
            print(f"median {statistics.median(seconds):.2f} s, the fifth one fails")
            assert ready < READY_WITHIN, "the kernel's copy of the build was not used"
    finally:
        lab.terminate()
        lab.wait(60)


main()
