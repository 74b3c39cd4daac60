"""A child of the worker that behaves as badly as a program can: it does what its requests say."""

import json
import os
import sys
import time


def say(**message):
    print(json.dumps(message), flush=True)


def half(text):
    os.write(1, text)
    time.sleep(0.05)


if "dies-at-start" in sys.argv:
    sys.exit("No module named torch")
if "starts-slowly" in sys.argv:
    time.sleep(2)
say(event="ready", versions={"breastfusion": "9"}, pid=os.getpid())
for line in sys.stdin:
    request = json.loads(line)
    number, do = request["id"], request["do"]
    if do == "echo":
        say(id=number, event="finished", result={"said": request["text"], "pid": os.getpid()})
    elif do == "stages":
        say(id=number, event="progress", stage="mapping", fraction=0.25, text="Mapping")
        say(id=number, event="progress", stage="score", fraction=None, text="Scoring")
        say(id=number, event="finished", result={})
    elif do == "refuse":
        say(id=number, event="error", kind="input", text="Draw a lesion first.", details="")
    elif do == "die":
        print("the last words", file=sys.stderr, flush=True)
        os._exit(3)
    elif do == "crash":
        os.kill(os.getpid(), 9)
    elif do == "flood":
        for count in range(20000):
            print("progress of a library", count)
        say(id=number, event="finished", result={"lines": 20000})
    elif do == "bar":
        for _share in range(200):
            os.write(2, b"\r" + b"#" * 1000)
        say(id=number, event="finished", result={})
    elif do == "halves":
        text = json.dumps({"id": number, "event": "finished", "result": {"name": "Läsion"}}, ensure_ascii=False)
        piece = text.encode()
        cut = piece.index("ä".encode()) + 1  # within the character
        half(piece[:5])
        half(piece[5:cut])
        half(piece[cut:])
        half(b"\n")
    elif do == "latin":
        os.write(2, b"d\xe9bit \xff\n")
        say(id=number, event="finished", result={})
    elif do == "nonsense":
        print("{ this is no JSON")
        print("[1, 2]")
        print("{}")
        say(id=number + 1000, event="finished", result={"of": "another request"})
        say(id=number, event="finished", result={"right": True})
    elif do == "endless":
        while True:
            os.write(1, b"x" * 65536)
    elif do == "environment":
        say(id=number, event="finished", result=dict(os.environ))
