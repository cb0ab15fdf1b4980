#!/usr/bin/env python3
"""A guest with Debian's arm64 kernel and a small Debian system (the Raspberry Pi case) installs the agent's
package, enrols at a manager of this machine, and is attacked: first unprotected, then protected. Everything
is in a network namespace of its own."""
import glob, os, re, shutil, signal, subprocess, sys, tempfile, threading, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('BUILD', f'{ROOT}/build')
NS = f'ska{os.getpid()}'
children = []

def skip(why):
    print(why)
    sys.exit(77)

def run(*command, check=True, **more):
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if check and p.returncode:
        raise RuntimeError(f'{command}: {p.stdout}')
    return p.stdout

def inside(*command, **more):
    return run('ip', 'netns', 'exec', NS, *command, **more)

def start(*command, **more):
    p = subprocess.Popen(['ip', 'netns', 'exec', NS, *command], stdin=subprocess.DEVNULL, **more)
    children.append(p)
    return p

def make_initrd(work):
    system = f'{BUILD}/guest/arm64'
    run(f'{ROOT}/scripts/sysroot', 'arm64', system, f'{ROOT}/scripts/packages/guest.txt')
    kernel = glob.glob(f'{system}/boot/vmlinuz-*')[0]
    version = os.path.basename(kernel).removeprefix('vmlinuz-')
    run('depmod', '-b', system, version)
    root = f'{work}/root'
    shutil.copytree(system, root, symlinks=True)
    for folder in ('usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/i18n', 'boot'):
        shutil.rmtree(f'{root}/{folder}', ignore_errors=True)
    shutil.copy(glob.glob(f'{BUILD}/arm64/sekisho-agent_*_arm64.deb')[0], f'{root}/agent.deb')
    shutil.copy(f'{ROOT}/tests/guest/arm64.init', f'{root}/init')
    for name in ('passwd', 'group'):
        shutil.copy(f'{root}/usr/share/base-passwd/{name}.master', f'{root}/etc/{name}')
    run('sh', '-c', f'cd {root} && find . | cpio -o -H newc --quiet >{work}/initrd')
    shutil.rmtree(root)
    return kernel

class Guest:
    """The console, line by line."""
    def __init__(self, work, kernel):
        self.lines = []
        self.process = start('qemu-system-aarch64', '-machine', 'virt', '-cpu', 'cortex-a72', '-m', '1536', '-smp', '1',
                             '-nographic', '-no-reboot', '-kernel', kernel, '-initrd', f'{work}/initrd',
                             '-nic', 'user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:8080-:80',
                             '-append', 'console=ttyAMA0 quiet panic=-1 rdinit=/init lsm=landlock,lockdown,yama,bpf',
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            text = line.decode(errors='replace').strip()
            self.lines.append(text)
            print(text, flush=True)

    def wait(self, text, seconds=120):
        end = time.time() + seconds
        while time.time() < end:
            if any(f'GUEST: {text}' in x for x in self.lines):
                return
            if self.process.poll() is not None or any('GUEST: dpkg failed' in x for x in self.lines):
                break
            time.sleep(0.1)
        raise RuntimeError(f'the guest never said "{text}"')

def ctl(work, *arguments, **more):
    return inside(f'{BUILD}/cli/sekishoctl', *arguments, env=dict(os.environ, SEKISHO_CONFIG=f'{work}/cli.json'), **more)

def play(work):
    os.mkdir(f'{work}/web')
    def step(name, text='go'):
        open(f'{work}/web/{name}.new', 'w').write(text)
        os.rename(f'{work}/web/{name}.new', f'{work}/web/{name}')
    kernel = make_initrd(work)
    run('ip', 'netns', 'add', NS)
    inside('ip', 'link', 'set', 'lo', 'up')
    for address in ('10.0.2.2', '198.51.100.9', '198.51.100.10'):
        inside('ip', 'addr', 'add', f'{address}/32', 'dev', 'lo')
    quiet = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
    start('python3', '-m', 'http.server', '9000', '--bind', '127.0.0.1', '--directory', f'{work}/web', **quiet)
    os.mkdir(f'{work}/cnc')
    open(f'{work}/cnc/index.html', 'w').write('bot\n')
    start('python3', '-m', 'http.server', '4444', '--bind', '0.0.0.0', '--directory', f'{work}/cnc', **quiet)
    start('dnsmasq', '--keep-in-foreground', '--no-resolv', '--no-hosts', '--listen-address=127.0.0.1', '--bind-interfaces',
          '--conf-file=/dev/null', '--address=/cnc.example/198.51.100.10', **quiet)
    manager = start(f'{BUILD}/manager/sekisho-manager', '--state', f'{work}/manager', '--listen', '0.0.0.0:8443',
                    '--device-listen', '0.0.0.0:8444', '--name', '10.0.2.2', '--content', f'{ROOT}/content',
                    stdout=open(f'{work}/manager.out', 'w'), stderr=open(f'{work}/manager.log', 'w'))
    for _ in range(100):
        login = re.search(r'one-time login: (\S+)', open(f'{work}/manager.out').read())
        if login:
            break
        time.sleep(0.1)
    time.sleep(0.5)
    ctl(work, 'login', '--url', 'https://10.0.2.2:8443', '--ca', f'{work}/manager/ca.pem', '--one-time', login.group(1))
    step('token', ctl(work, 'tokens', 'create', '--kind', 'agent').split()[-1])
    guest = Guest(work, kernel)
    guest.wait('installed', 240)
    attack = ['curl', '-s', '-m', '4', '-A', '() { :; }; touch /tmp/owned', 'http://127.0.0.1:8080/cgi-bin/panel']
    inside(*attack, check=False)
    step('open')
    guest.wait('enrolled')
    guest.wait('linked')
    advisory = f'{work}/CVE-2000-0001.json'
    open(advisory, 'w').write('{"sekisho_advisory": 1, "id": "CVE-2000-0001", "name": "guest", "summary": "For this test.",'
        '"severity": "critical", "references": ["https://example.org/"], "affected": [{"ecosystem": "*", "package": "busybox",'
        '"ranges": [{"introduced": "0", "fixed": "99"}]}], "patches": [{"id": "SEK-2014-6271", "title": "guest",'
        '"via": ["busybox-static", "busybox"], "ports": [{"proto": "tcp", "port": 80}]}]}')
    time.sleep(3)
    ctl(work, 'advisories', 'import', advisory)
    guest.wait('patched')
    blocked = subprocess.run(['ip', 'netns', 'exec', NS] + attack, capture_output=True, text=True)
    benign = inside('curl', '-s', '-m', '10', 'http://127.0.0.1:8080/cgi-bin/panel', check=False)
    if 'ok' in blocked.stdout or 'ok' not in benign:
        raise RuntimeError(f'exploit: {blocked.stdout!r}, ordinary request: {benign!r}')
    step('attacked')
    guest.wait('held exploit')
    ctl(work, 'indicators', 'add', 'ip', '198.51.100.9', '--reason', 'C&C')
    ctl(work, 'indicators', 'add', 'domain', 'cnc.example', '--reason', 'C&C')
    step('listed')
    guest.wait('held name')
    open(f'{work}/policy.json', 'w').write('{"inside":{"mode":"learn","scopes":["/opt"]}}')
    ctl(work, 'policy', 'put', f'{work}/policy.json')
    guest.wait('learned')
    open(f'{work}/policy.json', 'w').write('{"inside":{"mode":"enforce","scopes":["/opt"]}}')
    ctl(work, 'policy', 'put', f'{work}/policy.json')
    step('enforced')
    guest.wait('done')
    said = '\n'.join(guest.lines)
    for text in ('boot aarch64', 'install ok installed', 'open cnc', 'open program', 'open exploit', 'held exploit', 'held cnc',
                 'held name', 'other destinations work', 'held program', 'held loader', 'registered programs run'):
        if f'{text}' not in said:
            raise RuntimeError(f'missing: {text}')
    if 'NOT HELD' in said:
        raise RuntimeError('a row does not hold')
    events = ctl(work, '--json', 'events', '--limit', '500')
    for kind in ('"event_type": "alert"', '"event_type": "exit"', '"event_type": "lockdown"'):
        if kind not in events:
            raise RuntimeError(f'no event {kind} at the manager')
    manager.terminate()

def main():
    if os.geteuid():
        skip('needs root')
    for tool in ('qemu-system-aarch64', 'cpio', 'depmod', 'dnsmasq'):
        if not shutil.which(tool):
            skip(f'needs {tool}')
    if not glob.glob(f'{BUILD}/arm64/sekisho-agent_*_arm64.deb'):
        made = subprocess.run(['make', '-s', '-C', ROOT, 'deb', 'ARCH=arm64', f'BUILD={BUILD}/arm64'], capture_output=True, text=True)
        if made.returncode:
            skip('no cross build here: ' + (made.stderr.strip().splitlines() or ['?'])[-1])
    work = tempfile.mkdtemp(prefix='sekisho-arm64.')
    try:
        play(work)
    except RuntimeError as e:
        print(f'FAILED: {e}')
        return 1
    finally:
        for p in children:
            p.kill()
        run('sh', '-c', f'ip netns pids {NS} | xargs -r kill -9', check=False)
        run('ip', 'netns', 'del', NS, check=False)
        shutil.rmtree(work, ignore_errors=True)
    return 0

if __name__ == '__main__':
    sys.exit(main())
