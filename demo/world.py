"""The demo's world: namespaces, devices with mounts and cgroups of their own, programs. Everything has
fixed names, so that a run can clear away what a killed one left."""
import glob, json, os, shutil, signal, subprocess, sys, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WORK = '/run/sekisho-demo'
NAMES = ['sk-cloud', 'sk-lan', 'sk-gw', 'sk-inet', 'sk-cam', 'sk-farm', 'sk-weak', 'sk-evil']
MANAGER = '10.60.0.1'
CAM, FARM, WEAK, EVIL = '10.50.0.10', '10.50.0.11', '10.50.0.20', '10.50.0.66'
CNC, CNC_DNS, WEB, MALWEB, DNS = ('203.0.113.66', '203.0.113.67', '203.0.113.80', '203.0.113.81',
                                  '203.0.113.53')
ATTACKER = '203.0.113.99'

def sh(*command, check=True, **kw):
    """Run a command, quietly; its output is in the exception when it fails."""
    p = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, errors='replace', **kw)
    if check and p.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {p.returncode}\n{p.stdout}")
    return p

def cgroup_root():
    for d in ('/sys/fs/cgroup/unified', '/sys/fs/cgroup'):
        if os.path.exists(d + '/cgroup.controllers'):
            return d
    sys.exit('demo: needs cgroup v2')

def wait_for(what, test, seconds=15, step=0.05):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = test()
        if value:
            return value
        time.sleep(step)
    raise RuntimeError(f'waited {seconds} s for {what}')

class World:
    def __init__(self, build):
        self.build = build
        self.processes = []
        self.holders = {}
        self.cgroups = cgroup_root()

    # --- clearing away ---

    def clear(self):
        for p in self.processes[::-1]:
            if p.poll() is None:
                p.terminate()
        for p in self.processes[::-1]:
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        self.processes = []
        for name in NAMES:
            if os.path.exists(f'/run/netns/{name}'):
                for sig in (signal.SIGTERM, signal.SIGKILL):
                    for pid in sh('ip', 'netns', 'pids', name, check=False).stdout.split():
                        try:
                            os.kill(int(pid), sig)
                        except OSError:
                            pass
                    time.sleep(0.1)
                sh('ip', 'netns', 'del', name, check=False)
        sh('ip', 'link', 'del', 'sk-host', check=False)
        for cgroup in glob.glob(f'{self.cgroups}/sekisho-demo-*'):
            for _ in range(50):
                try:
                    os.rmdir(cgroup)
                    break
                except OSError:
                    time.sleep(0.1)
        shutil.rmtree(WORK, ignore_errors=True)

    # --- building ---

    def link(self, a, a_name, b, b_name):
        sh('ip', 'link', 'add', a_name, 'netns', a, 'type', 'veth', 'peer', 'name', b_name, 'netns', b)
        for ns, name in ((a, a_name), (b, b_name)):
            sh('ip', '-n', ns, 'link', 'set', name, 'up')

    def bridge(self, ns, name, ports):
        sh('ip', '-n', ns, 'link', 'add', name, 'type', 'bridge')
        sh('ip', '-n', ns, 'link', 'set', name, 'up')
        for port in ports:
            sh('ip', '-n', ns, 'link', 'set', port, 'master', name)

    def make(self):
        os.makedirs(WORK, mode=0o755)
        for ns in NAMES:
            sh('ip', 'netns', 'add', ns)
            sh('ip', '-n', ns, 'link', 'set', 'lo', 'up')
            sh('ip', 'netns', 'exec', ns, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', check=False)
        lan = {'sk-cam': CAM, 'sk-farm': FARM, 'sk-weak': WEAK, 'sk-evil': EVIL}
        for i, (ns, address) in enumerate(lan.items()):
            self.link(ns, 'eth0', 'sk-lan', f'port{i}')
            sh('ip', '-n', ns, 'addr', 'add', f'{address}/24', 'dev', 'eth0')
        self.link('sk-gw', 'inside', 'sk-lan', 'uplink')
        self.bridge('sk-lan', 'br0', [f'port{i}' for i in range(len(lan))] + ['uplink'])
        self.link('sk-gw', 'outside', 'sk-inet', 'eth0')
        sh('ip', '-n', 'sk-inet', 'addr', 'add', '10.50.0.1/24', 'dev', 'eth0')
        sh('ip', '-n', 'sk-inet', 'route', 'add', 'local', '203.0.113.0/24', 'dev', 'lo')
        sh('ip', '-n', 'sk-inet', 'addr', 'add', f'{ATTACKER}/32', 'dev', 'lo')
        sh('ip', '-n', 'sk-inet', 'route', 'add', 'blackhole', '198.51.100.0/24')
        sh('ip', 'netns', 'exec', 'sk-inet', 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
        for ns in lan:
            sh('ip', '-n', ns, 'route', 'add', 'default', 'via', '10.50.0.1')
        cloud = {'sk-cam': '10.60.0.10', 'sk-farm': '10.60.0.11', 'sk-gw': '10.60.0.2'}
        for i, (ns, address) in enumerate(cloud.items()):
            self.link(ns, 'mgmt', 'sk-cloud', f'mgmt{i}')
            sh('ip', '-n', ns, 'addr', 'add', f'{address}/24', 'dev', 'mgmt')
        sh('ip', 'link', 'add', 'sk-host', 'type', 'veth', 'peer', 'name', 'host', 'netns', 'sk-cloud')
        sh('ip', 'link', 'set', 'sk-host', 'up')
        sh('ip', 'addr', 'add', '10.60.0.254/24', 'dev', 'sk-host')
        sh('ip', '-n', 'sk-cloud', 'link', 'set', 'host', 'up')
        self.bridge('sk-cloud', 'br0', [f'mgmt{i}' for i in range(len(cloud))] + ['host'])
        sh('ip', '-n', 'sk-cloud', 'addr', 'add', f'{MANAGER}/24', 'dev', 'br0')

    def device(self, ns):
        """A device of its own: network, mounts (a fresh /opt, a package database) and cgroup."""
        state = f'{WORK}/{ns}'
        os.makedirs(state)
        cgroup = f'{self.cgroups}/sekisho-demo-{ns}'
        os.makedirs(cgroup)
        shutil.copytree('/var/lib/dpkg', f'{state}/dpkg', symlinks=True)
        holder = subprocess.Popen(['nsenter', f'--net=/run/netns/{ns}', 'unshare', '-m',
                                   '--propagation', 'private', 'sleep', 'infinity'],
                                  stdin=subprocess.DEVNULL)
        self.processes.append(holder)
        self.holders[ns] = holder.pid
        wait_for('the mounts of ' + ns, lambda: os.readlink(f'/proc/{holder.pid}/ns/mnt') !=
                 os.readlink('/proc/self/ns/mnt') and os.path.basename(
                     os.readlink(f'/proc/{holder.pid}/exe')) == 'sleep')
        self.inside(ns, 'mount', '-t', 'tmpfs', 'tmpfs', '/opt')
        self.inside(ns, 'mount', '--bind', f'{state}/dpkg', '/var/lib/dpkg')
        return state

    def enter(self, ns):
        # -r and -w: in a chroot the mounts of the namespace begin outside of it
        return ['nsenter', '-t', str(self.holders[ns]), '-n', '-m', '-r', '-w']

    def inside(self, ns, *command, check=True, **kw):
        """As the device's owner: outside its programs' cgroup."""
        return sh(*self.enter(ns), *command, check=check, **kw)

    def program(self, ns, *command):
        """Command line of a program of the device: in its cgroup, network and mounts."""
        cgroup = f'{self.cgroups}/sekisho-demo-{ns}/cgroup.procs'
        return ['sh', '-c', 'echo $$ >"$0" && exec "$@"', cgroup, *self.enter(ns), *map(str, command)]

    def run(self, ns, *command, timeout=8):
        """Run a program of a device or host to its end."""
        line = self.program(ns, *command) if ns in self.holders else \
            ['ip', 'netns', 'exec', ns, *map(str, command)]
        try:
            return subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, errors='replace', timeout=timeout)
        except subprocess.TimeoutExpired as e:
            out = e.stdout or b''
            return subprocess.CompletedProcess(line, 124, out.decode(errors='replace')
                                               if isinstance(out, bytes) else out)

    def start(self, ns, log, *command, program=False, own=False):
        """Start a server; its output goes to WORK/log."""
        if own:
            line = [*self.enter(ns), *map(str, command)]
        elif program:
            line = self.program(ns, *command)
        else:
            line = ['ip', 'netns', 'exec', ns, *map(str, command)]
        with open(f'{WORK}/{log}', 'ab') as out:
            p = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.processes.append(p)
        return p

    def stop(self, p):
        p.terminate()
        try:
            p.wait(8)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
        self.processes.remove(p)

    # --- sekishoctl ---

    def ctl(self, *arguments, check=True):
        env = dict(os.environ, SEKISHO_CONFIG=f'{WORK}/cli.json')
        return sh(f'{self.build}/cli/sekishoctl', *arguments, check=check, env=env)

    def ctl_json(self, *arguments):
        return json.loads(self.ctl('--json', *arguments).stdout)
