"""What `bench` and `stream` share: the built program, and real parts on private addresses, stopped at the end."""
import contextlib, os, re, shutil, signal, subprocess, tempfile, time, urllib.request

here = os.path.dirname(os.path.abspath(__file__))
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@contextlib.contextmanager
def process(*command, **options):
    child = subprocess.Popen(command, **{**quiet, **options})
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


class Parts:
    """A built `dreamstream`, a redis-server and a broker process, in a scratch directory."""

    def __init__(self, stack):
        output(here + "/install")
        for product in ("dreamstream", "kafka-proxy"):
            output(here + "/build", "--product", product)
        folder = output(here + "/build", "--show-bin-path")
        self.scratch = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        # A copy: what is built while this runs changes nothing.
        self.program = shutil.copy(folder + "/dreamstream", self.scratch)
        self.redis = self.scratch + "/redis.sock"
        stack.enter_context(process("redis-server", "--port", "0", "--unixsocket", self.redis, "--save", "", "--dir", self.scratch))
        broker = stack.enter_context(process(folder + "/kafka-proxy", "--broker", output(here + "/broker", "--path"),
                                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        self.brokers = broker.stdout.readline().split()[1]

    def run(self, *command):
        return subprocess.run([self.program, *command], check=True, **quiet)

    def worker(self, name, model, options={}):
        """The words of a worker with topics, group and keys of its own; its log is `scratch/NAME.log`, of its own name if it has one."""
        settings = {"kafka.brokers": self.brokers, "kafka.group": name, "redis.address": "unix://" + self.redis,
                    "redis.prefix": name, "model.directory": model, "topics.create": "true", "http.port": "0",
                    "topics.clicks": name + "-clicks", "topics.suggestions": name + "-suggestions",
                    "topics.dead_letters": name + "-dlq", "log.format": "text",
                    # This broker lets a group form for half of this, and waits all of it for a member that was killed.
                    "kafka.consumer.properties.session.timeout.ms": "6000", **options}
        return [self.program, "worker"] + [w for k, v in settings.items() for w in ("--set", f"{k}={v}")]

    @contextlib.contextmanager
    def working(self, name, model, options={}):
        """A running worker: the process, and the port of its metrics."""
        with open(f"{self.scratch}/{options.get('worker.name', name)}.log", "w+") as log, \
             process(*self.worker(name, model, options), stderr=log) as worker:
            port = None
            while port is None:
                time.sleep(0.1)
                found = re.search(r"http=127.0.0.1:(\d+)", open(log.name).read())
                port = found and int(found[1])
                if worker.poll() is not None:
                    raise SystemExit(open(log.name).read())
            yield worker, port


def metrics(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return {l.rsplit(" ", 1)[0]: float(l.rsplit(" ", 1)[1]) for l in lines if l[:1] != "#"}


def quantile(before, after, q, name="dreamstream_event_latency_seconds_bucket"):
    """Latency between two looks, in milliseconds; interpolated inside its bucket. `name` may have labels, unclosed."""
    bounds = sorted((float(re.search('le="(.*)"', k)[1]), after[k] - before.get(k, 0)) for k in after if k.startswith(name))
    rank, lower, below = q * bounds[-1][1], 0.0, 0.0
    for bound, count in bounds:
        if count >= rank:
            return 1e3 * (lower + (bound - lower) * (rank - below) / max(1, count - below))
        lower, below = bound, count


def events(values):
    return sum(v for k, v in values.items() if k.startswith("dreamstream_events_total"))


def rising(port, goal, pause, feed=None):
    """Yields time and events until there are `goal`; gives up if `feed` fails, or none is added for a minute."""
    most, since = -1.0, time.time()
    while True:
        now, done = time.time(), events(metrics(port))
        yield now, done
        if done >= goal:
            return
        if done > most:
            most, since = done, now
        if feed and feed.poll() not in (None, 0):
            raise SystemExit(f"produce failed at {done:,.0f} of {goal:,.0f} events")
        if now - since > 60:
            raise SystemExit(f"gave up at {done:,.0f} of {goal:,.0f} events: none was added for a minute")
        time.sleep(pause)
