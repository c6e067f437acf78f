from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from rig.errors import UsageError
from rig.jobs.objects import ObjectStore

ODD_KEYS = [
    "plain.bin",
    "a/b/c.bin",
    "../outside",
    "../../../../etc/passwd",
    "/etc/passwd",
    "..",
    ".",
    "a//b",
    "a/./b",
    "C:\\windows",
    "with space & ?query=1#x",
    "ключ/密钥",
    "\n\r\t",
    "k" * 1024,
]


def everything_below(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("key", ODD_KEYS)
def test_no_key_leaves_the_root(tmp_path: Path, key: str) -> None:
    root = tmp_path / "inner" / "objects"
    store = ObjectStore(root)
    store.put("images", key, b"content")
    found = store.get("images", key)
    assert found is not None
    assert found.content == b"content"
    assert len(everything_below(root)) == 2
    assert everything_below(tmp_path) == everything_below(root)
    assert {path.parent for path in everything_below(root)} == {root}


def test_keys_that_look_alike_are_different_objects(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path / "objects")
    names = [("a", key) for key in ODD_KEYS] + [("b", "plain.bin"), ("a.b", "c"), ("a", "b/c")]
    for number, (bucket, key) in enumerate(names):
        store.put(bucket, key, str(number).encode())
    for number, (bucket, key) in enumerate(names):
        found = store.get(bucket, key)
        assert found is not None
        assert found.content == str(number).encode()


@pytest.mark.parametrize(
    ("bucket", "key", "message"),
    [
        ("images", "", "has 1 to 1024 bytes, this one 0"),
        ("images", "k" * 1025, "this one 1025"),
        ("images", "ключ" * 200, "this one 1600"),
        ("images", "a\0b", "has no NUL character"),
        ("images", "\ud800", "not proper Unicode"),
        ("", "k", "is no bucket name"),
        ("..", "k", "is no bucket name"),
        ("a/b", "k", "is no bucket name"),
        ("Images", "k", "is no bucket name"),
        ("b" * 64, "k", "is no bucket name"),
    ],
)
def test_impossible_names_are_refused(tmp_path: Path, bucket: str, key: str, message: str) -> None:
    store = ObjectStore(tmp_path / "objects")
    with pytest.raises(UsageError, match=message):
        store.put(bucket, key, b"")
    with pytest.raises(UsageError, match=message):
        store.get(bucket, key)
    assert everything_below(tmp_path) == set()


def test_a_link_in_the_store_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    store = ObjectStore(tmp_path / "objects")
    store.put("images", "a", b"content")
    name = hashlib.sha256(b"images/a").hexdigest()
    file = tmp_path / "objects" / name
    file.unlink()
    file.symlink_to(secret)
    assert store.get("images", "a") is None
    store.put("images", "a", b"again")
    assert secret.read_bytes() == b"secret"
    found = store.get("images", "a")
    assert found is not None
    assert found.content == b"again"


def test_content_is_read_once_until_it_changes(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path / "objects")
    first = store.put("images", "a", b"one")
    assert store.get("images", "a") is first
    assert first.etag == hashlib.md5(b"one").hexdigest()
    assert first.sha256 == hashlib.sha256(b"one").hexdigest()
    store.put("images", "a", b"two")
    second = store.get("images", "a")
    assert second is not None
    assert second.content == b"two"


def test_another_process_may_change_an_object(tmp_path: Path) -> None:
    mine, other = ObjectStore(tmp_path / "objects"), ObjectStore(tmp_path / "objects")
    mine.put("images", "a", b"one")
    other.put("images", "a", b"two")
    found = mine.get("images", "a")
    assert found is not None
    assert found.content == b"two"


def test_many_objects_do_not_fill_the_memory(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path / "objects")
    for number in range(40):
        store.put("images", str(number), bytes([number]))
    assert len(store._cache) == 16
    for number in range(40):
        found = store.get("images", str(number))
        assert found is not None
        assert found.content == bytes([number])


def test_what_is_missing_is_none(tmp_path: Path) -> None:
    assert ObjectStore(tmp_path / "objects").get("images", "nope") is None


def test_the_files_are_private(tmp_path: Path) -> None:
    root = tmp_path / "objects"
    ObjectStore(root).put("images", "a", b"one")
    assert root.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in root.iterdir()} == {0o600}


def test_a_root_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot make the directory"):
        ObjectStore(tmp_path / "file")
