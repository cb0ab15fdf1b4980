// What devices and the manager say in English sentences, in Japanese. {} stands for what a sentence
// says of the case at hand. Sentences of several parts are looked up part by part. A test compares
// the English side with the sources: tests/architecture/03.
import { language } from ".";

const texts: readonly (readonly [string, string])[] = [
  // exit
  ["DNS query for a listed domain", "脅威指標にあるドメインのDNS照会"],
  ["TLS connection to a listed domain", "脅威指標にあるドメインへのTLS接続"],
  ["HTTP request for a listed address", "脅威指標にあるアドレスへのHTTP要求"],
  ["QUIC connection to a listed domain", "脅威指標にあるドメインへのQUIC接続"],
  ["DNS answer leads to a listed domain", "DNS応答が脅威指標にあるドメインを指している"],
  ["connection to a listed address", "脅威指標にあるアドレスへの接続"],
  ["packet to a listed address", "脅威指標にあるアドレスへのパケット"],
  ["nothing was learned for this program", "このプログラムは何も学習していません"],
  ["the program has changed since it was learned", "学習後にプログラムの内容が変わっています"],
  ["this program has not learned this destination", "このプログラムが学習していない通信先です"],
  ["this program has not learned to bind this port", "このプログラムが学習していない待ち受けポートです"],
  ["the program was not known yet; permitted from now on", "まだ把握していないプログラムでした。次回から許可します"],
  ["not learned: the table is full", "表がいっぱいのため学習できません"],
  ["learned", "学習しました"],
  ["the manager did not answer whether it is listed", "マネージャーの判定が間に合いませんでした"],
  ["listed destination", "脅威指標にある通信先"],
  // lockdown
  ["not registered", "登録されていません"],
  ["not registered; detect mode lets it run", "登録されていません（検知のみのため実行を許可）"],
  ["registered in learn mode", "学習モードで登録しました"],
  ["registered because a trusted updater installed it", "信頼できる更新プログラムが入れたため登録しました"],
  ["a program that lies in memory only", "メモリー上にしかないプログラム"],
  ["a program of the scope over a mount without a mark", "監視対象外のマウント経由のプログラム"],
  ["a program on a file system that is not covered", "対象外のファイルシステム上のプログラム"],
  ["code on the command line or standard input", "コマンドラインまたは標準入力のコード"],
  ["a file that is not registered, mapped as code", "未登録のファイルのコードとしての読み込み"],
  ["another process was to be traced or written", "別のプロセスの追跡または書き換え"],
  ["kernel code that is not registered", "未登録のカーネルコード"],
  ["a BPF program", "BPFプログラム"],
  ["a registered program was to be changed", "登録済みプログラムの書き換え"],
  ["a set-ID bit that the program was not registered with", "登録時にはなかったset-IDビット"],
  ["a maintenance window opens", "メンテナンス時間を開始しました"],
  ["it is closed", "メンテナンス時間を終了しました"],
  // tampering, silence, removal
  ["signal to the agent refused", "エージェントへのシグナルを拒否しました"],
  ["tracing of the agent refused", "エージェントの追跡を拒否しました"],
  ["change of the agent's state refused", "エージェントの状態の書き換えを拒否しました"],
  ["{}: {} ({}), user {}", "{0}：{1}（{2}）、ユーザー{3}"],
  ["the agent had been ended by force", "エージェントが強制終了されていました"],
  ["the clock was set by {} s", "時計が{0}秒動かされました"],
  ["the agent is stopped by process {}, user {}", "プロセス{0}（ユーザー{1}）がエージェントを停止します"],
  ["removal of the agent: {}", "エージェントの削除：{0}"],
  ["the agent may be removed within 10 minutes", "10分以内の削除を許可しました"],
  ["the token is not this device's uninstall token", "このデバイスのアンインストール用トークンではありません"],
  ["the device is silent: no connection for {} s", "デバイスの応答がありません（{0}秒間接続なし）"],
  ["the device is back after {} s of silence", "{0}秒ぶりにデバイスが応答しました"],
  ["{} asked for the device's uninstall token", "{0}がアンインストール用トークンを要求しました"],
  ["{} refused attempts at {} ports and {} blocked exploits within {} s", "{3}秒以内に{1}ポートへの拒否された試行{0}回と、遮断した攻撃コード{2}件"],
  ["the device behaves as if it were infected", "デバイスが感染したように振る舞っています"],
  // integrity
  ["file created", "ファイルが作成されました"],
  ["file created; it was gone before it was read", "ファイルが作成され、読み取る前に消えました"],
  ["file moved here", "ファイルがここへ移動されました"],
  ["file moved away", "ファイルが別の場所へ移動されました"],
  ["file deleted", "ファイルが削除されました"],
  ["file replaced", "ファイルが置き換えられました"],
  ["file modified", "ファイルが変更されました"],
  ["file created while nobody watched", "監視していない間にファイルが作成されました"],
  ["file modified while nobody watched", "監視していない間にファイルが変更されました"],
  ["file deleted while nobody watched", "監視していない間にファイルが削除されました"],
  ["{} more changes in 10 s, told as one", "10秒間にさらに{0}件の変更（1件にまとめて通知）"],
  ["first baseline of {} files", "{0}個のファイルの最初の基準を作成しました"],
  ["the kernel's queue ran over; all files are checked instead", "カーネルの待ち行列があふれたため、すべてのファイルを検査します"],
  ["the policy calls this file secret", "ポリシーで機密に指定されたファイルです"],
  // malware, firewall, logs
  ["malware found and taken into quarantine", "マルウェアを見つけ、隔離しました"],
  ["malware found; it could not be taken into quarantine", "マルウェアを見つけましたが、隔離できませんでした"],
  ["malware found", "マルウェアを見つけました"],
  ["file could not be scanned", "ファイルを検査できませんでした"],
  ["a firewall rule takes this packet", "ファイアウォールのルールに一致しました"],
  ["new rules are in force until they are confirmed or their time is over", "新しいルールを仮に適用しました（確認または期限切れまで）"],
  ["the new rules are confirmed", "新しいルールを確定しました"],
  ["the new rules were not confirmed in time; the old ones are back", "新しいルールが期限内に確認されず、元に戻りました"],
  ["the new rules were taken back; the old ones are in force", "新しいルールを取り消し、元に戻しました"],
  ["the rules were taken away", "ルールを取り除きました"],
  ["{} more findings in 10 s, told as one", "10秒間にさらに{0}件の検知（1件にまとめて通知）"],
  // why a protection is full, partial or absent
  ["off by policy", "ポリシーでオフ"],
  ["no rules: off by policy", "ルールなし（ポリシーでオフ）"],
  ["starting", "開始中"],
  ["no scope is named", "対象が指定されていません"],
  ["no patched port", "仮想パッチの対象ポートなし"],
  ["{} patched ports", "仮想パッチの対象ポート{0}個"],
  ["DNS, TLS and QUIC names", "DNS・TLS・QUICの名前"],
  ["HTTP addresses", "HTTPのアドレス"],
  ["neither nft's queue nor iptables-nft's NFQUEUE works", "nftのqueueもiptables-nftのNFQUEUEも使えません"],
  ["nft table {}", "nftテーブル {0}"],
  ["eBPF on cgroup {}", "cgroup {0} のeBPF"],
  ["no probe log: {}", "探索の記録なし：{0}"],
  ["set on this device", "このデバイスで設定"],
  ["not confirmed yet", "確認待ち"],
  ["the policy's rules were not confirmed in time", "ポリシーのルールは期限内に確認されませんでした"],
  ["the policy's rules were rolled back on this device", "ポリシーのルールはこのデバイスで取り消されました"],
  ["the policy's rules are not in force: {}", "ポリシーのルールは適用されていません：{0}"],
  ["not the policy's newest rules, which were {}", "ポリシーの最新のルールではありません（{0}）"],
  ["not confirmed in time", "期限内に確認されず"],
  ["rolled back on this device", "このデバイスで取り消し"],
  ["{} programs that rules name are not there", "ルールにあるプログラム{0}個が見つかりません"],
  ["{} lines left out: their user or cgroup is not there, or the kernel has no such rules", "{0}行を除外：ユーザーやcgroupがないか、カーネルが対応していません"],
  ["the kernel's programs cannot tell which program calls (no BTF)", "呼び出し元のプログラムを判別できません（BTFなし）"],
  ["destinations: {}", "通信先：{0}"],
  ["ports: {}", "ポート：{0}"],
  ["{} learned, {} listed", "学習{0}件、ポリシー{1}件"],
  ["listen() without bind() is not seen", "bind()のないlisten()は検知できません"],
  ["fanotify only", "fanotifyのみ"],
  ["memfd is free", "メモリー上の実行は防げません"],
  ["{}: forced ends and clock changes are reported, not refused", "{0}：強制終了と時計の変更は、拒否せず通知します"],
  ["no BPF LSM", "BPF LSMなし"],
  ["BPF LSM: signals, tracing, changes of the state", "BPF LSM：シグナル、追跡、状態の書き換えを拒否"],
  ["{}; it is started again", "{0}（再起動します）"],
  ["{} files", "{0}個のファイル"],
  ["the files are read", "ファイルを読み込み中"],
  ["the baseline is damaged", "基準が壊れています"],
  ["there are more, which are not watched", "上限を超えたファイルは監視していません"],
  ["no Landlock", "Landlockなし"],
  ["not in real time: {}", "リアルタイムではありません：{0}"],
  ["changes with their process", "変更したプロセスも記録"],
  ["repeated changes of one name may be told as one (before Linux 5.17)", "同じ名前の繰り返しは1件になることがあります（Linux 5.17より前）"],
  ["without processes: {}", "プロセスは不明：{0}"],
  ["{} rules", "ルール{0}件"],
  ["journal", "ジャーナル"],
  ["{} YARA rules", "YARAルール{0}件"],
  ["{} hashes", "ハッシュ{0}件"],
  ["clamd runs", "clamd動作中"],
  ["clamd does not run", "clamdなし"],
  // rules for logs
  ["web request that was refused or led nowhere", "拒否されたか、存在しないページへのWeb要求"],
  ["web request for files outside the site", "サイト外のファイルを狙うWeb要求"],
  ["web request with SQL in it", "SQLを含むWeb要求"],
  ["web request with a script in it", "スクリプトを含むWeb要求"],
  ["web request that wants a shell", "シェルを狙うWeb要求"],
  ["web request for what scanners look for", "スキャナーが探すものへのWeb要求"],
  ["web request", "Web要求"],
  ["web scanner", "Webスキャナー"],
  ["many web requests refused or leading nowhere, from one address", "1つのアドレスから、失敗するWeb要求が多数"],
  ["many wrong passwords at a web site from one address", "1つのアドレスから、Webサイトへの誤ったパスワードが多数"],
  ["web server error", "Webサーバーのエラー"],
  ["many web server errors for one address", "1つのアドレスへのWebサーバーエラーが多数"],
  ["nginx reports a serious error", "nginxの重大なエラー"],
  ["nginx refused a request by rule or password", "nginxがルールまたはパスワードにより拒否"],
  ["Apache refused a password or a client", "Apacheがパスワードまたはクライアントを拒否"],
  ["many refusals by Apache for one address", "Apacheが1つのアドレスを多数拒否"],
  ["an Apache process crashed", "Apacheのプロセスが異常終了"],
  ["SSH login failed", "SSHログインの失敗"],
  ["SSH login of a user that does not exist", "存在しないユーザーのSSHログイン"],
  ["SSH login", "SSHログイン"],
  ["SSH login as root by password", "パスワードによるrootのSSHログイン"],
  ["SSH client tried too many passwords in one connection", "1回の接続でパスワードを試しすぎたSSHクライアント"],
  ["SSH connection without SSH", "SSHではない通信のSSHポートへの接続"],
  ["SSH client gave up before logging in", "ログイン前に切断したSSHクライアント"],
  ["SSH client offers only outdated algorithms, as scanners do", "古い暗号方式だけを示すSSHクライアント（スキャナーの特徴）"],
  ["SSH client whose name does not lead back to its address", "名前とアドレスが一致しないSSHクライアント"],
  ["many failed SSH logins from one address", "1つのアドレスから、SSHログインの失敗が多数"],
  ["many unknown users tried over SSH from one address", "1つのアドレスから、存在しないユーザーのSSH試行が多数"],
  ["SSH login after many failed ones from the same address", "多数の失敗の後、同じアドレスからSSHログイン"],
  ["program started", "プログラムの起動"],
  ["a web server's user started a shell or a transfer tool", "Webサーバーのユーザーがシェルまたは転送ツールを起動"],
  ["the kernel reports an anomaly", "カーネルが異常を報告"],
  ["a network interface listens to everything", "ネットワークインターフェースが全パケットを受信"],
  ["SELinux or AppArmor refused something", "SELinuxまたはAppArmorによる拒否"],
  ["an account was added, removed or changed", "アカウントの追加・削除・変更"],
  ["login refused, as the audit log tells", "ログインの拒否（監査ログ）"],
  ["the audit log was changed or stopped", "監査ログの変更または停止"],
  ["PostgreSQL login failed", "PostgreSQLログインの失敗"],
  ["many failed PostgreSQL logins", "PostgreSQLログインの失敗が多数"],
  ["PostgreSQL connection from where none is allowed", "許可されていない場所からのPostgreSQL接続"],
  ["many PostgreSQL connections from where none is allowed", "許可されていない場所からのPostgreSQL接続が多数"],
  ["PostgreSQL statement that gives rights or runs programs", "権限付与またはプログラム実行を行うPostgreSQL文"],
  ["PostgreSQL server in trouble", "PostgreSQLサーバーの障害"],
  ["MQTT client refused", "MQTTクライアントの拒否"],
  ["many MQTT clients refused", "MQTTクライアントの拒否が多数"],
  ["many MQTT logins refused from one address", "1つのアドレスから、MQTTログインの拒否が多数"],
  ["MQTT client that does not speak MQTT", "MQTTではない通信のMQTTクライアント"],
  ["MQTT client connected", "MQTTクライアントの接続"],
  ["sudo refused somebody", "sudoによる拒否"],
  ["somebody who may not use sudo tried to", "許可のないユーザーによるsudoの試行"],
  ["command run as root", "rootとしてのコマンド実行"],
  ["a shell as root, where each command could be logged", "rootのシェルの起動（コマンドが記録されません）"],
  ["many refusals by sudo", "sudoによる拒否が多数"],
  ["wrong password for sudo or su", "sudoまたはsuの誤ったパスワード"],
  ["su refused somebody", "suによる拒否"],
];

const plain = new Map(texts.filter(([english]) => !english.includes("{}")));
const patterns = texts
  .filter(([english]) => english.includes("{}"))
  .map(([english, japanese]) => {
    const parts = english.split("{}").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return [new RegExp(`^${parts.join("((?:(?!; ).)+?)")}$`), japanese] as const;
  });

function whole(text: string): string | undefined {
  const known = plain.get(text);
  if (known) return known;
  for (const [pattern, japanese] of patterns) {
    const found = pattern.exec(text);
    if (found) return japanese.replace(/\{(\d)\}/g, (_, n: string) => whole(found[Number(n) + 1] ?? "") ?? found[Number(n) + 1] ?? "");
  }
  return undefined;
}

/** TEXT in the language in use where it is known, else as it came. */
export function said(text: string | undefined): string {
  if (!text || language() !== "ja") return text ?? "";
  const known = whole(text);
  if (known) return known;
  for (const [separator, between] of [["; ", "。"], [", ", "、"]] as const) {
    const parts = text.split(separator);
    if (parts.length > 1) return parts.map(said).join(between);
  }
  return text;
}
