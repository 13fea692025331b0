"""Every text of the webhook pages, in Chinese and English."""

from linli.i18n import Text
from linli.webhooks import Outcome

WEBHOOKS = Text("Webhook", "Webhooks")
WEBHOOKS_HELP = Text(
    "告警有变化时，把它发到您指定的地址，并带签名。接收方停机时不会丢失。",
    "What happens to alerts is sent to an address of yours, signed. Nothing is lost while the receiver is down.",
)
NONE_YET = Text("还没有。", "None yet.")
ADD = Text("新建 webhook", "New webhook")
EDIT = Text("修改", "Edit")
SAVE = Text("保存", "Save")
NAME = Text("名称", "Name")
URL = Text("接收地址（https://…）", "Address of the receiver (https://…)")
FILTER_HELP = Text("不选即全部发送。", "What nothing is chosen of is all sent.")
COMMUNITIES = Text("小区", "Compounds")
SEVERITIES = Text("级别", "Severities")
RULES = Text("规则", "Rules")
KINDS = Text("变化", "What happened")
ALL = Text("全部", "all")
NO_FIELD = Text("请填写{name}。", "Fill in: {name}.")
SECRET_ONCE = Text("签名密钥", "The secret that it is signed with")
SECRET_ONCE_HELP = Text("只显示这一次，请现在就交给接收方。", "It is shown only now: give it to the receiver.")
ROTATE = Text("更换密钥", "New secret")
ROTATE_HELP = Text(
    "新密钥只显示一次；旧密钥在 24 小时内仍同时签名，请在此期间更换。",
    "The new one is shown once. The former signs too for 24 hours: change the receiver over within them.",
)
PAUSE = Text("暂停", "Pause")
PAUSE_HELP = Text(
    "不再发送，恢复后从停下的地方继续。", "Nothing is sent; when it is resumed it goes on where it stopped."
)
RESUME = Text("恢复发送", "Resume")
RESUME_HELP = Text("从停下的地方继续发送。", "It goes on where it stopped.")
TEST = Text("发送测试", "Send a test")
REMOVE = Text("删除", "Remove")
REMOVE_HELP = Text("连同发送记录一并删除，不能撤销。", "It goes with its log, and cannot be brought back.")
BACK = Text("返回 webhook", "Back to webhooks")
NO_SUCH = Text("没有这个 webhook，或它不是您的。", "There is no such webhook, or it is not yours.")

SENDING = Text("正常", "Sending")
WAITING = Text("等待首次发送", "Nothing sent yet")
FAILING = Text("失败中", "Failing")
OFF = Text("已停用", "Turned off")

STATE = Text("状态", "State")
ADDRESS = Text("地址", "Address")
OWNER = Text("所有者", "Owner")
CREATED = Text("建立", "Made")
LAST_SUCCESS = Text("最近成功", "Last success")
NEVER = Text("还没有", "never")
FAILING_SINCE = Text("开始失败", "Failing since")
FAILURES = Text("{when}，已连续 {n} 次", "{when}, {n} in a row")
NEXT_TRY = Text("下次尝试", "Next try")
FORMER = Text("旧密钥有效至", "Former secret signs until")
WHAT = Text("发送什么", "What is sent")
WITHIN = Text("限于", "Limited to")

LOG = Text("发送记录（30 天）", "What was sent (30 days)")
NOTHING_SENT = Text("没有记录。", "Nothing.")
OLDER = Text("更早的", "Older")
NEWEST = Text("最新的", "Newest")
REFRESH = Text("刷新", "Refresh")
ANY = Text("全部", "Everything")
OUTCOME = Text("结果", "What came of it")
REPLAY = Text("重发", "Send again")
REPLAYED = Text("已安排重发；有新的变化时先发新的。", "It is sent again once nothing newer waits.")
REPLAY_RANGE = Text("重发一段时间", "Send a stretch of time again")
REPLAY_RANGE_HELP = Text(
    "把这段时间内属于此 webhook 的变化再发一遍，最长 31 天；webhook-id 不变，接收方可据此去重。",
    "What happened then and is for this webhook is sent once more, 31 days at most. The webhook-id stays, so that the receiver knows repeats.",
)
SINCE = Text("从", "From")
UNTIL = Text("到", "To")
BAD_RANGE = Text("请填写起止时间，先起后止。", "Give both times, the beginning first.")
RANGE_REPLAYED = Text("已安排：这段时间有 {n} 次变化。", "Under way: {n} changes were made in that time.")
TESTED = Text("测试：{what}", "Test: {what}")
ANSWERED = Text("应答 {status}", "answered {status}")
TOOK = Text("{ms} 毫秒", "{ms} ms")
BODY = Text("应答内容", "What it answered")
NO_BODY = Text("（空）", "(nothing)")
MESSAGE = Text("webhook-id", "webhook-id")
AGAIN_AT = Text("{when} 再试", "tried again at {when}")
A_TEST = Text("测试", "Test")

OUTCOMES = {
    Outcome.DELIVERED: Text("已送达", "Delivered"),
    Outcome.FAILED: Text("失败", "Failed"),
    Outcome.SET_ASIDE: Text("已搁置", "Set aside"),
}
ORIGINS = {
    "replay": Text("重发", "again"),
    "test": Text("测试", "test"),
}
ERRORS = {
    "timeout": Text("没有及时应答", "no answer in time"),
    "no_connection": Text("连接不上", "no connection"),
    "no_such_name": Text("没有这个主机名", "no such name"),
    "certificate": Text("证书不可信", "its certificate is not to be trusted"),
    "not_http": Text("应答的不是 HTTP", "what answers is not HTTP"),
    "private_address": Text("内网地址，未获允许", "a private address, which is not allowed"),
    "not_https": Text("不是 https", "not https"),
    "no_secret": Text("密钥打不开", "its secret cannot be opened"),
}
"""What went wrong where there was no answer; any other is shown by its own word."""
