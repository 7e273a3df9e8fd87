"""A board's file system in memory that loses its supply, and bundles to put on it."""

import hashlib
import io
import json


class Disk:
    """Files and folders; the operation number cut_at tears, and everything after it fails.

    Harsher than littlefs: each write is in the file at once, torn in its middle. is_full
    refuses every byte, and nothing else; is_worn keeps others than were written.
    """

    def __init__(self):
        self.files = {}
        self.folders = {"", "/"}
        self.operations = 0
        self.cut_at = 0
        self.is_dead = False
        self.is_full = False
        self.is_worn = False

    def _change(self):
        """Count an operation; True where it is the one that is cut."""
        if self.is_dead:
            raise OSError(5, "dead")
        self.operations += 1
        self.is_dead = self.operations == self.cut_at
        return self.is_dead

    def open(self, path, mode):
        if mode == "rb":
            if path not in self.files:
                raise OSError(2, "missing")
            return io.BytesIO(self.files[path])
        self._put(path, b"")
        return Writer(self, path)

    def _put(self, path, data):
        if self._change():
            raise OSError(5, "dead")
        self.files[path] = data

    def append(self, path, data):
        if self.is_full:
            raise OSError(28, "full")
        if self._change():
            self.files[path] += data[: len(data) // 2]
            raise OSError(5, "dead")
        self.files[path] += data[:-1] + b"?" if self.is_worn else data

    def rename(self, old, new):
        if self._change():
            raise OSError(5, "dead")
        self.files[new] = self.files.pop(old)

    def mkdir(self, path):
        if self._change():
            raise OSError(5, "dead")
        self.folders.add(path)

    def remove(self, path):
        if self._change():
            raise OSError(5, "dead")
        del self.files[path]

    def rmdir(self, path):
        if self._change():
            raise OSError(5, "dead")
        assert not self.names(path)
        self.folders.remove(path)

    def names(self, path):
        if path not in self.folders:
            raise OSError(2, "missing")
        begin = "" if path == "/" else path.rstrip("/")
        inside = [p for p in [*self.files, *self.folders] if p.startswith(begin + "/")]
        return sorted({p[len(begin) + 1 :].split("/")[0] for p in inside} - {""})

    def is_folder(self, path):
        return path in self.folders

    def start_anew(self):
        """Power again: what is in the files stays."""
        self.is_dead = False
        self.operations = 0
        self.cut_at = 0


class Writer:
    def __init__(self, disk, path):
        self._disk = disk
        self._path = path

    def write(self, data):
        self._disk.append(self._path, bytes(data))

    def flush(self):
        pass

    def close(self):
        pass


def bundle(version, board="esp32_s3", micropython_min="1.26.0"):
    """Return the files of a version by name; the manifest is the last."""
    files = {
        name: (f"{name} of {version}\n" * 3).encode()
        for name in ("board.py", "hal/port.mpy", "main.mpy", "vcu/loop.mpy", "vehicle.py")
    }
    files["manifest.json"] = manifest(files, version, board, micropython_min)
    return files


def manifest(files, version, board, micropython_min):
    rows = [[name, len(data), hashlib.sha256(data).hexdigest()] for name, data in files.items()]
    head = (version, board, "three_wheel_48v_flooded", micropython_min)
    lines = "".join(f"{text}\n" for text in head)
    lines += "".join(f"{name} {size} {digest}\n" for name, size, digest in rows)
    return json.dumps(
        {
            "version": version,
            "board": board,
            "vehicle": "three_wheel_48v_flooded",
            "micropython_min": micropython_min,
            "files": rows,
            "total": hashlib.sha256(lines.encode()).hexdigest(),
        }
    ).encode()


def copy(disk, slot, files, root=""):
    """Write the files into a slot as mpremote does: in place, in pieces."""
    for name, data in files.items():
        path = f"{root}/{slot}/{name}"
        folder = path.rsplit("/", 1)[0]
        if folder not in disk.folders:
            disk.mkdir(folder)
        file = disk.open(path, "wb")
        for at in range(0, len(data), 40):
            file.write(data[at : at + 40])


def put(disk, slot, files):
    """Have a slot with these files, without an operation."""
    for name, data in files.items():
        path = f"/{slot}/{name}"
        disk.files[path] = data
        disk.folders |= {f"/{slot}", path.rsplit("/", 1)[0]}


def version_in(disk, slot):
    """Return the version of a slot whose every byte is right, judged without the firmware."""
    found = disk.files.get(f"/{slot}/manifest.json", b"")
    for version in ("1.0.0", "1.1.0", "0.9.0"):
        files = bundle(version)
        if found == files["manifest.json"]:
            assert all(disk.files.get(f"/{slot}/{n}") == files[n] for n in files), "half a version"
            return version
    return ""
