"""What enrolling writes is what the agent reads, whatever the server said; and which addresses are taken for a server's."""

import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import load_site
from edge.site.enrol import Files
from edge.site.redeem import Credentials, EnrolError, GivenBroker, Server, read_server

SERVER = Server(True, "linli.example", 8480)
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("written", "server"),
    [
        ("https://linli.example", Server(True, "linli.example", 443)),
        ("linli.example:8480", Server(True, "linli.example", 8480)),
        ("https://linli.example:8480/", Server(True, "linli.example", 8480)),
        ("HTTPS://Linli.Example/login?next=/", Server(True, "linli.example", 443)),
        ("https://[2001:db8::1]:8480", Server(True, "2001:db8::1", 8480)),
        ("http://127.0.0.1:8480", Server(False, "127.0.0.1", 8480)),
        ("http://localhost", Server(False, "localhost", 80)),
        ("http://[::1]:8480", Server(False, "::1", 8480)),
    ],
)
def test_an_address_is_read_as_people_copy_it(written: str, server: Server) -> None:
    """From a browser's bar, with or without what follows; shown again, it is read the same."""
    assert read_server(written, allow_http=False) == server
    assert read_server(str(server), allow_http=False) == server


@pytest.mark.parametrize(
    "written", ["", "https://", "ftp://linli.example", "https://x:99999", "https://[::1", "http:/x"]
)
def test_what_is_no_address_is_told(written: str) -> None:
    """With an example."""
    with pytest.raises(EnrolError, match=r"linli\.example:8480"):
        read_server(written, allow_http=True)


@pytest.mark.parametrize("written", ["http://linli.example", "http://192.168.1.5:8480", "http://127.0.0.1.example"])
def test_a_password_goes_in_clear_only_if_wanted(written: str) -> None:
    """Beyond this machine."""
    with pytest.raises(EnrolError, match="--allow-http"):
        read_server(written, allow_http=False)
    assert not read_server(written, allow_http=True).https


@given(host=PRINTABLE, user=PRINTABLE, password=PRINTABLE.map(str.strip).filter(bool), qos=st.sampled_from([0, 1]))
def test_the_files_say_what_the_server_said(host: str, user: str, password: str, qos: int) -> None:
    """No text of the server's becomes a key of the file."""
    broker = GivenBroker(port=8883, tls=True, host=host, ca="PEM", username=user, password=password)
    with tempfile.TemporaryDirectory() as folder:
        files = Files(Path(folder) / "agent.yaml")
        files.write(SERVER, Credentials("c1", "gw1", broker, 0, qos))
        site = load_site(files.config)
    assert (site.broker.host, site.broker.username, site.broker.password) == (host, user, password)
    assert (site.agent.qos, site.server) == (qos, "https://linli.example:8480")
    assert (site.broker.port, site.broker.tls, site.device_broker) == (8883, True, None)


def test_the_host_is_that_of_the_page_unless_the_server_says_another(tmp_path: Path) -> None:
    """The embedded broker runs on the machine that was asked."""
    files = Files(tmp_path / "agent.yaml")
    files.write(SERVER, Credentials("c1", "gw1", GivenBroker(8483, False, username="u", password="p"), 0))
    assert load_site(files.config).broker.host == "linli.example"


def test_an_answer_of_a_later_server_is_read() -> None:
    """It may say more; what is needed has to be there."""
    said = {"community": "c1", "gateway": "gw1", "at": 1, "more": 1, "broker": {"port": 1, "tls": False, "new": []}}
    assert msgspec.json.decode(msgspec.json.encode(said), type=Credentials).broker.port == 1
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"community": "c1", "gateway": "gw1", "at": 1}', type=Credentials)
