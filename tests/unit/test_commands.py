"""The juba* commands as processes: what they say and how they end, for every mistake a user can make."""

import itertools
import os
import pwd
import re
import signal
import socket
import time
from pathlib import Path

import pytest
from server_process import CONFIG, Client, Server, free_port, run, serving, until, write_config


def last_log_line(server: Server) -> str:
    return server.output.splitlines()[-1]


def log_text(line: str) -> str:
    """A log line without time, thread and place; the level stays."""
    match = re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \d+ (\w+) +\[\w+\.py:\d+\] (.*)", line)
    assert match, line
    return f"{match[1]} {match[2]}"


def no_traceback(server: Server) -> None:
    assert "Traceback" not in server.output + server.errors


# --- options ----------------------------------------------------------------------------------------------


def test_version(tmp_path: Path) -> None:
    server = run(tmp_path, "-v")
    assert (server.wait(), server.output, server.errors) == (0, "jubatus-1.1.1 (jubaclassifier)\n", "")


@pytest.mark.parametrize("words", [["-?"], ["--help"], ["--nonsense", "-?"]])
def test_help(tmp_path: Path, words: list[str]) -> None:
    server = run(tmp_path, *words)
    assert (server.wait(), server.output) == (0, "")
    assert server.errors.startswith("usage: jubaclassifier [options] ... \n")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["-p9199"], "option needs value: --rpc-port"),
        (["--nonsense"], "undefined option: --nonsense"),
        (["-h"], "undefined short option: -h"),
        (["-p", "nine"], "option value is invalid: --rpc-port=nine"),
        (["-z", "localhost:2181"], "can't start multinode mode without name specified"),
        ([], "config path or model file must be specified for standalone mode"),
        (["-z", "localhost:2181", "-n", "c", "-Z", "0"], "can't start with zookeeper_timeout less than 1"),
        (["-z", "localhost:2181", "-n", "c", "-I", "0"], "can't start with interconnect_timeout less than 1"),
        (["-f", "{config}", "-d", "{config}"], "can't use datadir: Not a directory"),
    ],
)
def test_wrong_options_show_the_usage(tmp_path: Path, words: list[str], line: str) -> None:
    config = write_config(tmp_path)
    server = run(tmp_path, *(word.format(config=config) for word in words))
    first, _, rest = server.errors.partition("\n")
    assert (server.wait(), server.output) == (1, "")
    assert first.startswith(line)
    assert rest.startswith("usage: jubaclassifier ")


@pytest.mark.parametrize(
    ("words", "line", "status"),
    [
        (["-B", "nonsense0"], "exception in main thread: Failed to get IP address from interface", 255),
        (
            ["-g", "/nonexistent"],
            "exception in main thread: Failed to get realpath: --log_config /nonexist",
            255,
        ),
        (["-g", "{empty}"], "exception in main thread: invalid log configuration", 255),
        (["-g", "{config}"], "failed to configure logger: ", 1),
        (["-l", "{config}"], "can't write to the ZooKeeper log directory: Not a directory", 1),
        (["-z", "localhost:2181", "-n", "c"], "clusters (--zookeeper) are not supported yet", 1),
    ],
)
def test_wrong_surroundings_are_one_line_on_stderr(
    tmp_path: Path, words: list[str], line: str, status: int
) -> None:
    (tmp_path / "empty").write_text(" \n")
    files = {"config": write_config(tmp_path), "empty": str(tmp_path / "empty")}
    server = run(tmp_path, "-f", files["config"], *(word.format(**files) for word in words))
    assert (server.wait(), server.output) == (status, "")
    assert server.errors.startswith(line)
    assert server.errors.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["-f", "/nonexistent"],
            "FATAL exception in main thread: Failed to get realpath: --configpath /nonex",
        ),
        (
            ["-m", "/nonexistent"],
            "FATAL exception in main thread: Failed to get realpath: --model_file /nonex",
        ),
        (
            ["-d", "/nonexistent"],
            "FATAL exception in main thread: Failed to get realpath: --datadir /nonexist",
        ),
        (
            ["-l", "/nonexistent"],
            "FATAL exception in main thread: Failed to get realpath: --logdir /nonexiste",
        ),
        (["-x", "odd"], "FATAL exception in main thread: unsupported mix type (odd)"),
        (["-f", "/"], "ERROR exception when loading config file: /: Is a directory"),
        (["-b", "192.0.2.77"], "FATAL server failed to start: cannot listen at 192.0.2.77:9199: "),
        (
            ["-b", "no.such.host.invalid"],
            "FATAL server failed to start: cannot listen at no.such.host.invalid",
        ),
        (["-f", "{bad}"], "ERROR syntax error in configuration: {bad}:2:1 "),
        (["-f", "{empty}"], "FATAL error in main thread: json_parser reached end of data"),
        (["-f", "{wrong}"], "FATAL exception in main thread: invalid configuration: "),
        (["-m", "{bad}"], "FATAL exception in main thread: failed to load the model file: "),
    ],
)
def test_mistakes_that_are_logged(tmp_path: Path, words: list[str], line: str) -> None:
    files = {
        "bad": write_config(tmp_path, '{"method":\n}', "bad.json"),
        "empty": write_config(tmp_path, "", "empty.json"),
        "wrong": write_config(tmp_path, {"method": "AROW", "surprise": 1}, "wrong.json"),
    }
    server = run(tmp_path, "-f", write_config(tmp_path), *(word.format(**files) for word in words))
    assert (server.wait(), server.errors) == (1, "")
    assert log_text(last_log_line(server)).startswith(line.format(**files))
    no_traceback(server)


def test_a_wrong_configuration_names_every_problem_and_its_file(tmp_path: Path) -> None:
    path = write_config(tmp_path, {"method": "AROW", "surprise": 1})
    line = last_log_line(run(tmp_path, "-f", path))
    assert '"surprise" is not used ()' in line
    assert '"converter" is not found ()' in line
    assert line.endswith(path)


def test_used_port(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        server = run(tmp_path, "-f", write_config(tmp_path), "-b", "127.0.0.1", "-p", str(port))
    assert server.wait() == 1
    text = f"FATAL server failed to start: any process using port {port}?"
    assert log_text(last_log_line(server)) == text
    no_traceback(server)


# --- configuration test -----------------------------------------------------------------------------------


def test_good_configuration(tmp_path: Path) -> None:
    server = run(tmp_path, "-T", "-f", write_config(tmp_path))
    assert (server.wait(), server.errors) == (0, "Configuration OK\n")
    assert "listening" not in server.output


def test_wrong_configuration(tmp_path: Path) -> None:
    path = write_config(tmp_path, {"method": "AROW", "surprise": 1})
    server = run(tmp_path, "-T", "-f", path)
    lines = server.errors.splitlines()
    assert server.wait() == 1
    assert lines[:2] == ["Configuration error:", f"invalid configuration: {path}"]
    assert '    (#0) Message: "surprise" is not used ()' in lines
    no_traceback(server)


@pytest.mark.parametrize("text", ["{", ""])
def test_configuration_that_is_no_json(tmp_path: Path, text: str) -> None:
    server = run(tmp_path, "-T", "-f", write_config(tmp_path, text))
    assert (server.wait(), server.errors) == (1, "")
    no_traceback(server)


def test_model_file_test(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client, _):
        (path,) = client.call("save", "m").values()
    server = run(tmp_path, "-T", "-m", path)
    assert (server.wait(), server.errors) == (0, "Configuration OK\n")


# --- running ----------------------------------------------------------------------------------------------


def test_what_is_logged_at_start(tmp_path: Path) -> None:
    with serving(tmp_path, "-t", "7", "-c", "3") as (server, client, port):
        client.call("get_config")
        server.wait_for("RPC server startup")
        lines = server.output.splitlines()
    assert log_text(lines[0]) == f"INFO starting jubaclassifier 1.1.1 RPC server at 127.0.0.1:{port}"
    settings = dict(line.strip().split(":", 1) for line in lines[1:15])
    assert [len(line) - len(line.lstrip()) for line in lines[1:15]] == [4] * 14
    assert all(line[24] == ":" for line in lines[1:15])
    values = {key.strip(): value.strip() for key, value in settings.items()}
    assert values["pid"] == str(server.process.pid)
    assert values["mode"] == "standalone mode"
    assert (values["timeout"], values["thread"], values["datadir"]) == ("7", "3", str(tmp_path))
    texts = [log_text(line) for line in lines[15:]]
    assert texts[0] == f"INFO load config from local file: {tmp_path}/config.json"
    assert texts[1].startswith("INFO config loaded: {")
    assert texts[-2:] == [f"INFO start listening at port {port}", "INFO jubaclassifier RPC server startup"]
    assert not any("without TLS" in text for text in texts)


def test_listening_for_everybody_is_warned_about(tmp_path: Path) -> None:
    port = free_port()
    server = Server(tmp_path, "jubaclassifier", "-f", write_config(tmp_path), "-p", str(port))
    try:
        client = server.connect(port)
        (member,) = client.call("get_status")
        client.close()
        assert re.search(rf"WARN .*listening on 0\.0\.0\.0 without TLS .* port {port} ", server.output)
        assert member != f"0.0.0.0_{port}"
        Client(port, member.rpartition("_")[0]).close()  # the advertised address is one of this machine
    finally:
        server.end()


def test_interface(tmp_path: Path) -> None:
    with serving(tmp_path, "-b", "", "-B", "lo") as (_, client, port):
        assert list(client.call("get_status")) == [f"127.0.0.1_{port}"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as (server, client, _):
        client.call("get_labels")
        server.signal(number)
        assert server.wait() == 0
        assert client.socket.recv(1) == b""
        assert (server.errors, last_log_line(server).endswith("RPC server stopped")) == ("", True)


def test_signals_as_soon_as_the_port_is_open(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, _, _):
        server.signal(signal.SIGTERM)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


def test_a_running_call_is_answered_before_the_end(tmp_path: Path) -> None:
    record = ["label", [[["k", " ".join(f"word{n}" for n in range(200))]], [], []]]
    with serving(tmp_path) as (server, client, port):
        client.send("train", [record] * 2000)
        other = Client(port)
        asked = itertools.count(1)  # each question is a request itself
        until(lambda: int(_status(other)["requests"]) > next(asked))
        other.close()
        server.signal(signal.SIGTERM)
        assert client.receive() == 2000
        assert server.wait() == 0


def _status(client: Client) -> dict[str, str]:
    ((_, status),) = client.call("get_status").items()
    return dict(status)


def test_daemon(tmp_path: Path) -> None:
    port = free_port()
    log = tmp_path / "daemon.log"
    words = ["-f", write_config(tmp_path), "-b", "127.0.0.1", "-p", str(port), "-D", "-d", str(tmp_path)]
    server = run(tmp_path, *words, "-g", log_configuration(tmp_path, log))
    assert (server.wait(), server.output, server.errors) == (0, "", "")
    until(lambda: "RPC server startup" in log.read_text())
    client = Client(port)
    ((_, status),) = client.call("get_status").items()
    pid = int(status["pid"])
    try:
        assert pid != server.process.pid
        assert Path(f"/proc/{pid}/cwd").resolve() == Path("/")
        assert os.getsid(pid) == pid
        assert {Path(f"/proc/{pid}/fd/{fd}").resolve() for fd in range(3)} == {Path("/dev/null")}
    finally:
        os.kill(pid, signal.SIGTERM)
    until(lambda: "RPC server stopped" in log.read_text())
    client.close()


# --- log configuration ------------------------------------------------------------------------------------


def log_configuration(folder: Path, log: Path, name: str = "log.xml") -> str:
    pattern = "%p %m ${JUBATUS_PROCESS} ${JUBATUS_HOST}_${JUBATUS_PORT}%n"
    text = f"""<log4j:configuration xmlns:log4j="http://jakarta.apache.org/log4j/">
      <appender name="file" class="org.apache.log4j.FileAppender">
        <param name="File" value="{log}"/>
        <layout class="org.apache.log4j.PatternLayout">
          <param name="ConversionPattern" value="{pattern}"/>
        </layout>
      </appender>
      <root><level value="INFO"/><appender-ref ref="file"/></root>
    </log4j:configuration>"""
    (folder / name).write_text(text)
    return str(folder / name)


def test_log_configuration_and_reload(tmp_path: Path) -> None:
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    path = log_configuration(tmp_path, first)
    with serving(tmp_path, "-g", path) as (server, client, port):
        client.call("get_labels")
        until(
            lambda: (
                f"INFO jubaclassifier RPC server startup jubaclassifier 127.0.0.1_{port}\n"
                in first.read_text()
            )
        )
        assert server.output == ""

        log_configuration(tmp_path, second)
        server.signal(signal.SIGHUP)
        until(second.exists)
        assert f"INFO reloading log configuration: {path}" in first.read_text()

        Path(path).write_text("")
        server.signal(signal.SIGHUP)
        until(lambda: "ERROR invalid log configuration; reload aborted" in second.read_text())
        Path(path).write_text("<nonsense/>")
        server.signal(signal.SIGHUP)
        until(lambda: "ERROR log configuration is not reloaded: " in second.read_text())

        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert "RPC server stopped" in second.read_text()


def test_a_fatal_mistake_is_seen_although_the_log_is_a_file(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    server = run(tmp_path, "-g", log_configuration(tmp_path, log), "-f", "/nonexistent")
    assert server.wait() == 1
    assert server.errors.startswith(
        "exception in main thread: Failed to get realpath: --configpath /nonexist"
    )
    assert log.read_text().startswith("FATAL exception in main thread: Failed to get realpath")


def test_hup_without_log_configuration_changes_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, client, _):
        server.signal(signal.SIGHUP)
        server.signal(signal.SIGHUP)
        assert client.call("get_labels") == {}
        assert server.process.poll() is None


# --- status -----------------------------------------------------------------------------------------------

KEYS = {
    *("clock_time", "start_time", "uptime", "VIRT", "RSS", "SHR", "timeout", "threadnum", "datadir"),
    *("is_standalone", "VERSION", "PROGNAME", "type", "logdir", "log_config", "configpath", "pid", "user"),
    *("update_count", "last_saved", "last_loaded", "last_saved_path", "last_loaded_path"),
}
WEIGHT_KEYS = {
    *("document_count", "num_document_frequencies", "num_group_frequencies", "num_group_total_lengths"),
    "num_weights",
}
CLASSIFIER_KEYS = {
    *("num_features", "num_classes", "storage", "weight_manager_version"),
    *(prefix + key for prefix in ("diff_", "master_") for key in WEIGHT_KEYS),
}
OWN_KEYS = {"duma_version", "connections", "refused_connections", "requests", "errors"}


def test_status(tmp_path: Path) -> None:
    before = int(time.time())
    with serving(tmp_path, "-t", "60", "-c", "4") as (server, client, port):
        client.call("train", [["a", [[["k", "v"]], [["n", 1.5]], []]]])
        client.call("get_labels")
        ((member, status),) = client.call("get_status").items()
        statm = Path(f"/proc/{server.process.pid}/statm").read_text().split()
    assert member == f"127.0.0.1_{port}"
    assert set(status) >= KEYS | CLASSIFIER_KEYS | OWN_KEYS
    assert all(isinstance(value, str) for value in status.values())
    assert before <= int(status["start_time"]) <= int(status["clock_time"]) <= time.time()
    assert int(status["uptime"]) == pytest.approx(
        int(status["clock_time"]) - int(status["start_time"]), abs=1
    )
    page = os.sysconf("SC_PAGE_SIZE") // 1024
    assert int(status["RSS"]) == pytest.approx(int(statm[1]) * page, rel=0.2)
    assert int(status["VIRT"]) > int(status["RSS"]) > int(status["SHR"]) > 0
    expected = {
        "timeout": "60",
        "threadnum": "4",
        "datadir": str(tmp_path),
        "is_standalone": "1",
        "VERSION": "1.1.1",
        "PROGNAME": "jubaclassifier",
        "type": "classifier",
        "logdir": "",
        "log_config": "",
        "configpath": f"{tmp_path}/config.json",
        "pid": str(server.process.pid),
        "user": pwd.getpwuid(os.getuid()).pw_name,
        "update_count": "1",
        "last_saved": "0",
        "last_loaded": "0",
        "last_saved_path": "",
        "last_loaded_path": "",
        "connections": "1",
        "errors": "0",
        "storage": "local_storage",
        "num_classes": "1",
    }
    assert {key: status[key] for key in expected} == expected


def test_methods_that_only_others_have(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client, _):
        for method in ("do_mix", "get_proxy_status", "get_diff", "nonsense"):
            with pytest.raises(Exception, match=rf"1 b'{method}'"):
                client.call(method)
        assert client.call("get_config") == (tmp_path / "config.json").read_text()


def test_update_count_counts_calls(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client, port):
        client.call("train", [])
        client.call("train", [["a", [[], [], []]], ["b", [[], [], []]]])
        client.call("set_label", "c")
        client.call("clear")
        with pytest.raises(Exception, match="cannot open input file"):
            client.call("load", "missing")
        client.call("classify", [])
        client.call("save", "m")
        assert client.call("get_status")[f"127.0.0.1_{port}"]["update_count"] == "5"


def test_configuration_is_kept_as_given(tmp_path: Path) -> None:
    assert CONFIG["method"] == "AROW"
    text = write_config(tmp_path, name="odd.json")
    odd = "  " + Path(text).read_text() + "\n garbage behind"
    Path(text).write_text(odd)
    with serving(tmp_path, "-f", text) as (_, client, _):
        assert client.call("get_config") == odd
