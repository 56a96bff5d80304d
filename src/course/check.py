"""Runs notebooks on their kernel and tells what came out, one JSON line for each event.

The argument names a JSON file: {"timeout": seconds, "parallel": n, "jobs": [{"name", "cwd", "env", "cells": [source]}]}.
"""

import json
import os
import queue
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from jupyter_client.manager import KernelManager

READY_TIMEOUT = 600
SILENCE = 0.1  # the kernel's last line of stderr may come after it says that it is idle
PRINTING = threading.Lock()
LIVE = set()


def say(**event):
    with PRINTING:
        print(json.dumps(event), flush=True)


def output_of(message):
    """What a message shows to the learner, as (kind, text)."""
    content = message["content"]
    if message["msg_type"] == "stream":
        return content["name"], content["text"]
    if message["msg_type"] == "error":
        return "error", "\n".join([content["evalue"], *content["traceback"]])
    if message["msg_type"] in ("execute_result", "display_data"):
        data = content["data"]
        return ("html", data["text/html"]) if "text/html" in data else ("text", str(data.get("text/plain", "")))
    return None


class Notebook:
    def __init__(self, job, timeout):
        self.job, self.timeout = job, timeout
        self.outputs = {}  # by the id of the request that caused them
        self.idle = set()

    def run(self):
        name, start = self.job["name"], time.monotonic()
        self.manager = KernelManager(kernel_name="rust")
        try:
            self.manager.start_kernel(cwd=self.job["cwd"], env={**os.environ, **self.job["env"]})
            LIVE.add(self.manager)
            self.client = self.manager.client()
            self.client.start_channels()
            self.client.wait_for_ready(timeout=max(READY_TIMEOUT, self.timeout))
            say(notebook=name, event="ready", seconds=time.monotonic() - start)
            self.run_cells(start)
        except Exception as error:  # the kernel did not start
            say(notebook=name, event="failed", text=f"{type(error).__name__}: {error}")
        finally:
            if self.manager.has_kernel:
                self.manager.shutdown_kernel()
            LIVE.discard(self.manager)
        say(notebook=name, event="end")

    def run_cells(self, start):
        requests = []
        for source in self.job["cells"]:
            begin = time.monotonic()
            request = self.client.execute(source, allow_stdin=False)
            requests.append(request)
            status = self.wait(request)
            seconds, at = time.monotonic() - begin, time.monotonic() - start
            self.listen(SILENCE)
            self.tell("cell", len(requests), request, status=status, seconds=seconds, at=at)
            if status != "ok":
                return
        self.listen(3 * SILENCE)
        for number, request in enumerate(requests, 1):
            if self.outputs.get(request):
                self.tell("late", number, request)

    def tell(self, event, number, request, **more):
        outputs = self.outputs.pop(request, [])
        say(notebook=self.job["name"], event=event, number=number, outputs=outputs, **more)

    def wait(self, request):
        end = time.monotonic() + self.timeout
        while request not in self.idle:
            if not self.listen(0.5, once=True) and not self.manager.is_alive():
                return "died"
            if time.monotonic() > end:
                return "timeout"
        return "ok"

    def listen(self, seconds, once=False):
        """Takes in messages until none came for so long (or after one); says whether any came."""
        heard = False
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=seconds)
            except queue.Empty:
                return heard
            heard = True
            request = message["parent_header"].get("msg_id")
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                self.idle.add(request)
            elif output := output_of(message):
                self.outputs.setdefault(request, []).append(output)
            if once:
                return True


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        work = json.load(file)
    pool = ThreadPoolExecutor(work["parallel"])
    try:
        for done in [pool.submit(Notebook(job, work["timeout"]).run) for job in work["jobs"]]:
            done.result()
    except KeyboardInterrupt:
        for manager in list(LIVE):
            end_at_once(manager.provisioner.process)
        os._exit(130)


def end_at_once(process):
    """Ends a kernel with all that it started."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, 9)
    else:
        process.kill()


main()
