"""The servers of the demo's world, all real programs of Debian: lighttpd with a maker's diagnostics page
and telnet on the camera, busybox httpd on the weak device; on the Internet dnsmasq, lighttpd with TLS,
a C&C listener, and packet counters."""
import os, re, shutil, time
from world import *

class Services:
    def __init__(self, world):
        self.w = world

    # --- what was seen ---

    def panel_bytes(self, ns):
        try:
            return os.path.getsize(f'{WORK}/{ns}-panel/panel.log')
        except FileNotFoundError:
            return 0

    def cnc_lines(self):
        try:
            return open(f'{WORK}/cnc.out').read().count('bot-here')
        except FileNotFoundError:
            return 0

    def packets(self, counter):
        out = sh('ip', 'netns', 'exec', 'sk-inet', 'nft', 'list', 'counter', 'inet', 'seen', counter).stdout
        return int(re.search(r'packets (\d+)', out).group(1))

    # --- the maker's package ---

    def build_package(self, version):
        root = f'{WORK}/package-{version}'
        os.makedirs(f'{root}/DEBIAN')
        os.makedirs(f'{root}/opt/camera-panel')
        with open(f'{root}/DEBIAN/control', 'w') as f:
            f.write(f'Package: camera-panel\nVersion: {version}\nArchitecture: all\n'
                    'Maintainer: Demo <demo@sekisho.example>\nDescription: camera panel of the demo\n')
        shutil.copy(f'{ROOT}/demo/files/ping.cgi', f'{root}/opt/camera-panel/ping.cgi')
        shutil.copy('/bin/echo', f'{root}/opt/camera-panel/panel-tool')
        with open(f'{root}/opt/camera-panel/panel-tool', 'ab') as f:
            f.write(f'panel {version}'.encode())
        os.chmod(f'{root}/opt/camera-panel/ping.cgi', 0o755)
        sh('dpkg-deb', '--root-owner-group', '-b', root, f'{WORK}/camera-panel_{version}.deb')

    def install(self, version):
        self.w.inside('sk-cam', 'dpkg', '-i', f'{WORK}/camera-panel_{version}.deb')

    # --- devices ---

    def camera(self):
        self.build_package('1.2')
        self.build_package('1.3')
        self.install('1.2')
        folder = f'{WORK}/sk-cam-panel'
        os.makedirs(folder)
        os.chmod(folder, 0o777)
        open(f'{folder}/index.html', 'w').write('camera\n')
        with open(f'{WORK}/lighttpd-cam.conf', 'w') as f:
            f.write('server.modules = ("mod_cgi", "mod_alias", "mod_setenv")\n'
                    f'server.document-root = "{folder}"\nserver.port = 80\n'
                    'index-file.names = ("index.html")\n'
                    'alias.url = ("/cgi-bin/" => "/opt/camera-panel/")\n'
                    'cgi.assign = (".cgi" => "")\n'
                    f'setenv.set-environment = ("PANEL_LOG" => "{folder}/panel.log")\n')
        self.w.start('sk-cam', 'lighttpd-cam.log', 'lighttpd', '-D', '-f', f'{WORK}/lighttpd-cam.conf',
                     program=True)
        with open(f'{WORK}/inetd.conf', 'w') as f:
            f.write('telnet stream tcp nowait root /usr/sbin/telnetd telnetd\n')
        self.w.start('sk-cam', 'inetd.log', 'inetutils-inetd', '-d', f'{WORK}/inetd.conf', program=True)
        with open(f'{WORK}/dropper', 'wb') as f:
            f.write(open('/bin/echo', 'rb').read() + b'dropped')
        self.w.inside('sk-cam', 'install', '-m', '755', f'{WORK}/dropper', '/opt/dropper')

    def busybox_panel(self, ns):
        """The weak device and the farm monitor: busybox httpd with the same diagnostics page."""
        folder = f'{WORK}/{ns}-panel'
        os.makedirs(f'{folder}/cgi-bin')
        shutil.copy(f'{ROOT}/demo/files/ping.cgi', f'{folder}/cgi-bin/ping.cgi')
        os.chmod(f'{folder}/cgi-bin/ping.cgi', 0o755)
        open(f'{folder}/index.html', 'w').write('panel\n')
        self.w.start(ns, f'httpd-{ns}.log', 'env', f'PANEL_LOG={folder}/panel.log', 'busybox', 'httpd', '-f',
                     '-p', '80', '-h', folder, program=ns in self.w.holders)

    # --- Internet ---

    def internet(self):
        web = f'{WORK}/web'
        for path, text in (('index.html', 'news of the day\n'), ('u/mallory/dropper.sh', 'payload\n'),
                           ('u/alice/index.html', 'alice\n'), ('mal/index.html', 'malicious\n')):
            os.makedirs(os.path.dirname(f'{web}/{path}'), exist_ok=True)
            open(f'{web}/{path}', 'w').write(text)
        sh('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=web.example',
           '-keyout', f'{WORK}/web.key', '-out', f'{WORK}/web.crt')
        with open(f'{WORK}/web.pem', 'w') as f:
            f.write(open(f'{WORK}/web.key').read() + open(f'{WORK}/web.crt').read())
        with open(f'{WORK}/lighttpd-web.conf', 'w') as f:
            f.write('server.modules = ("mod_openssl")\n'
                    f'server.document-root = "{web}"\nserver.port = 80\nindex-file.names = ("index.html")\n'
                    f'$HTTP["host"] == "malware.example" {{ server.document-root = "{web}/mal" }}\n'
                    f'$SERVER["socket"] == ":443" {{ ssl.engine = "enable"\n ssl.pemfile = "{WORK}/web.pem" }}\n')
        self.w.start('sk-inet', 'lighttpd-web.log', 'lighttpd', '-D', '-f', f'{WORK}/lighttpd-web.conf')
        self.w.start('sk-inet', 'dnsmasq.log', 'dnsmasq', '-k', '-h', '-R', '-u', 'root', '--port=53', '--no-resolv',
                     f'--listen-address={DNS}', '--bind-interfaces', f'--address=/cnc.example/{CNC_DNS}',
                     f'--address=/news.example/{WEB}', f'--pid-file={WORK}/dnsmasq.pid')
        self.w.start('sk-inet', 'cnc.log', 'sh', '-c', f'exec nc -lk -s {CNC} -p 4444 >>{WORK}/cnc.out')
        rules = ('add table inet seen; add counter inet seen cnc; add counter inet seen scan; '
                 'add chain inet seen in { type filter hook prerouting priority -300; }; '
                 f'add rule inet seen in ip daddr {CNC} counter name cnc; '
                 'add rule inet seen in ip daddr 198.51.100.0/24 tcp dport 23 counter name scan')
        sh('ip', 'netns', 'exec', 'sk-inet', 'nft', rules)

    def ready(self):
        for ns, host in (('sk-evil', CAM), ('sk-inet', WEAK), ('sk-weak', WEB)):
            wait_for(f'the web server of {host}', lambda: self.w.run(
                ns, 'curl', '-s', '-m', '1', '-o', '/dev/null', f'http://{host}/').returncode == 0)
