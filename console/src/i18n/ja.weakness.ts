// Weaknesses of a device's set-up in Japanese, by their id. {subject} is the account, path, service or
// version, {what} the component that listens. tests/architecture/03 looks whether every id of the
// agent is here.
export const weaknesses: Record<string, readonly [detail: string, fix: string] | undefined> = {
  "password-factory": [
    "「{subject}」のパスワードが、広く知られた工場出荷時のままです",
    "独自のパスワードを設定するか（passwd）、アカウントをロックして（passwd -l）鍵でログインしてください。",
  ],
  "password-weak": [
    "「{subject}」のパスワードは、真っ先に推測されるものです",
    "独自のパスワードを設定するか（passwd）、アカウントをロックして（passwd -l）鍵でログインしてください。",
  ],
  "password-empty": [
    "アカウント「{subject}」にパスワードがありません",
    "独自のパスワードを設定するか（passwd）、アカウントをロックして（passwd -l）鍵でログインしてください。",
  ],
  "login-weak": [
    "広く知られたパスワードでログインできます（{subject}）",
    "サービスのツール（htpasswd、mosquitto_passwdなど）で独自のパスワードを設定し、サービスを再起動してください。",
  ],
  "password-unchecked": [
    "「{subject}」では、よく知られたパスワードの確認が終わっていません",
    "対応は不要です。残りはエージェントが少しずつ確認します。",
  ],
  "service-exposed": [
    "{what}がすべてのインターフェースで待ち受けています（{subject}）",
    "必要なネットワークのアドレスだけで待ち受けるか、停止してください。",
  ],
  "service-cleartext": [
    "{what}がパスワードを平文で受け取ります（{subject}）",
    "停止してSSHまたはSFTPを使うか、TLSを必須にしてください。",
  ],
  "service-debug": [
    "デバッグ用のサービスが開いています（{subject}）",
    "ネットワーク経由のデバッグを無効にしてください。",
  ],
  "ssh-root-password": [
    "rootがパスワードでSSHログインできます",
    "/etc/ssh/sshd_configに「PermitRootLogin prohibit-password」または「PasswordAuthentication no」を設定し、sshdを再読み込みしてください。",
  ],
  "dropbear-root-password": [
    "rootがパスワードでSSHログインできます（Dropbear）",
    "dropbearを「-g」（rootは鍵のみ）または「-s」（鍵のみ）付きで起動してください。OpenWrtでは/etc/config/dropbearのRootPasswordAuthを「off」にします。",
  ],
  "snmp-community": [
    "SNMPが、広く知られたコミュニティ名にほかのホストから応答します",
    "SNMPv3（createUser、rouser）を使うか、独自のコミュニティ名を管理サーバーのアドレスに限って設定し、snmpdを再起動してください。",
  ],
  "secret-readable": [
    "{subject}を、デバイス上の誰でも読めます",
    "権限を取り除いてください：chmod o-r {subject}",
  ],
  "ssh-empty-password": [
    "パスワードのないアカウントがSSHでログインできます",
    "/etc/ssh/sshd_configに「PermitEmptyPasswords no」を設定し、sshdを再読み込みしてください。",
  ],
  "mqtt-anonymous": [
    "MQTTブローカーが、誰にでも送受信を許可しています",
    "mosquitto.confに「allow_anonymous false」と「password_file」を設定するか、ループバックアドレスで待ち受けてください。",
  ],
  "redis-open": [
    "Redisが、ほかのホストからパスワードなしで命令を受け付けます",
    "redis.confに「requirepass」、または「bind 127.0.0.1 ::1」と「protected-mode yes」を設定し、Redisを再起動してください。",
  ],
  "ftp-anonymous": [
    "FTPに誰でも入れます",
    "vsftpd.confに「anonymous_enable=NO」を設定し、vsftpdを再起動してください。",
  ],
  "path-writable": [
    "{subject}に誰でも書き込めます",
    "権限を取り除いてください：chmod o-w {subject}",
  ],
  "path-writable-more": [
    "ほかにも、誰でも書き込めるシステムのパスがあります",
    "次のコマンドで探せます：find /etc /usr /opt -xdev -perm -0002 ! -type l",
  ],
  "kernel-old": [
    "Linux {subject}には、もうセキュリティ修正が提供されません",
    "サポート中の長期カーネルを使うファームウェアを、製造元に求めてください。",
  ],
  "kernel-reboot": [
    "実行中の{subject}より新しいカーネルがインストール済みです",
    "デバイスを再起動してください。",
  ],
};
