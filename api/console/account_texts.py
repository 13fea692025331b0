"""Every text of signing in and of the account pages, in Chinese and English."""

from linli.i18n import Text

# --- signing in -------------------------------------------------------------------------------------------------------

PASSWORD_OVER = Text(
    "一次性密码已过期，请联系管理员重新获取。", "This one-time password has run out. Ask an administrator for another."
)
WRONG_CODE = Text(
    "验证码不对，或已经用过。请等下一个验证码再试。",
    "The code is wrong, or was used before. Wait for the next one and try again.",
)
CODE_TITLE = Text("双重验证", "Second factor")
CODE_HELP = Text(
    "打开手机上的验证器，输入 6 位验证码。手机不在身边时，可以输入一个恢复码。",
    "Open the authenticator on your phone and type its six digits. Without the phone, type a recovery code.",
)
CODE = Text("验证码或恢复码", "Code or recovery code")
CONTINUE = Text("继续", "Continue")
OTHER_ACCOUNT = Text("换一个账号", "Another account")
LOST_PHONE = Text(
    "手机和恢复码都没有了：请另一位管理员重置双重验证。",
    "Neither phone nor recovery codes: another administrator can reset your second factor.",
)
NEW_PASSWORD_TITLE = Text("请设置您自己的密码", "Choose a password of your own")
NEW_PASSWORD_HELP = Text(
    "现在的密码是别人给您的，只用这一次。", "The present one was made for you, and is for this once."
)
PRESENT_PASSWORD = Text("现在的密码", "Present password")
NEW_PASSWORD = Text("新密码", "New password")
NEW_PASSWORD_RULES = Text(
    "至少 10 个字符，不要用常见的词或连续的键；几个不相干的词连起来就很好。",
    "At least 10 characters, no common words or runs of keys; a few words that have nothing to do with each other do well.",
)
NEW_PASSWORD_AGAIN = Text("再输一次新密码", "New password again")
PASSWORDS_DIFFER = Text("两次输入的新密码不一样。", "The two new passwords differ.")
PASSWORD_GUESSED = Text(
    "这个密码太短或太容易猜到，请换一个。", "This password is too short or easily guessed. Choose another."
)
PASSWORD_SAME = Text("新密码须与现在的不同。", "The new password must differ from the present one.")
PRESENT_WRONG = Text("现在的密码不对。", "The present password is wrong.")
ENROL_TITLE = Text("设置双重验证", "Set up the second factor")
ENROL_HELP = Text(
    "您的角色必须使用双重验证。用手机上的验证器（支持 TOTP 的都可以）扫描二维码，再输入它显示的 6 位验证码。",
    "Your role must have a second factor. Scan this with an authenticator on your phone (any that knows TOTP), "
    "then type the six digits that it shows.",
)
ENROL_HELP_OWN = Text(
    "用手机上的验证器（支持 TOTP 的都可以）扫描二维码，再输入它显示的 6 位验证码。原有的双重验证在此之前仍然有效。",
    "Scan this with an authenticator on your phone (any that knows TOTP), then type the six digits that it shows. "
    "Until then one that you have stays as it is.",
)
QR_CODE = Text("二维码", "QR code")
TYPE_INSTEAD = Text("不能扫描时，手工输入这个密钥：", "If you cannot scan it, type this key:")
PHONE_CODE = Text("6 位验证码", "Six digits")
OFFER_OVER = Text("时间太久，请重新扫描新的二维码。", "That took too long. Scan the new code.")
GONE = Text("它已经不在了。", "It is not there any more.")
RECOVERY_TITLE = Text("请保存恢复码", "Keep these recovery codes")
RECOVERY_HELP = Text(
    "手机丢失时，每个恢复码可以代替一次验证码。请抄下或打印，放在安全的地方；离开本页后不再显示。",
    "Without the phone, each of these stands in for its code, once. Write them down or print them, and keep them safe; "
    "they are not shown again.",
)
KEPT_THEM = Text("已经保存好了", "I have kept them")
OR = Text("或者", "or")
SIGN_IN_BY = Text("用{name}登录", "Sign in with {name}")
PROVIDER = Text("统一身份", "single sign-on")
SIGNED_OUT_HERE = Text("已在这里退出，{name}可能仍然登录着。", "You are signed out here; at {name} you may not be. ")
SIGN_OUT_THERE = Text("也退出{name}", "Sign out at {name} too")
PROVIDER_DOWN = Text(
    "统一身份服务没有应答。请稍后再试，或用密码登录。",
    "The sign-in provider does not answer. Try again later, or sign in with a password.",
)
PROVIDER_REFUSED = Text(
    "统一身份服务没有让您登录，或登录花的时间太久。请再试一次。",
    "The sign-in provider did not let you in, or it took too long. Please try again.",
)
NOT_LINKED = Text(
    "您的统一身份没有关联到这里的账号，请联系管理员。",
    "Your identity is not linked to an account here. Please ask an administrator.",
)

# --- one's own account ------------------------------------------------------------------------------------------------

ACCOUNT = Text("我的账号", "My account")
ACCOUNTS = Text("账号", "Accounts")
SIGN_IN_NAME = Text("用户名", "Name")
ROLE = Text("角色", "Role")
REACHES = Text("可见范围", "Sees")
EVERYTHING = Text("全部小区", "All communities")
NOTHING = Text("无", "None")
CHANGE_PASSWORD = Text("修改密码", "Change password")
PASSWORD_CHANGED = Text("密码已修改，其他会话已结束。", "The password is changed; your other sessions have ended.")
FACTOR_ON = Text("{when} 起使用", "Since {when}")
FACTOR_OFF = Text("没有设置", "Not set up")
FACTOR_REQUIRED = Text("您的角色必须使用双重验证。", "Your role must have a second factor.")
RECOVERY = Text("恢复码", "Recovery codes")
RECOVERY_LEFT = Text("还有 {n} 个没有用过", "{n} are left")
SET_UP = Text("设置", "Set up")
REPLACE_PHONE = Text("换手机", "Another phone")
NEW_CODES = Text("重新生成恢复码", "New recovery codes")
TURN_OFF = Text("停用", "Turn off")
FACTOR_DROPPED = Text("双重验证已停用。", "The second factor is off.")
CONFIRM_PASSWORD = Text("请再输入一次密码", "Your password once more")
SESSIONS = Text("已登录的设备", "Where you are signed in")
SESSIONS_HELP = Text(
    "不认识的设备请结束其会话，并修改密码。", "If you do not know one of these, end it and change your password."
)
THIS_ONE = Text("本机", "This one")
SIGNED_IN_SINCE = Text("登录于", "Signed in")
LAST_SEEN = Text("最近使用", "Last used")
FROM_ADDRESS = Text("地址", "Address")
BROWSER = Text("浏览器", "Browser")
BY_PROVIDER = Text("统一身份", "by single sign-on")
END = Text("结束", "End")
END_OTHERS = Text("结束其他全部会话", "End all others")
SESSION_ENDED = Text("会话已结束。", "The session has ended.")
SESSIONS_ENDED = Text("其他会话已全部结束。", "All other sessions have ended.")
TOKENS = Text("API 令牌", "API tokens")
NO_TOKENS = Text("没有令牌", "No tokens")
TOKEN_FOR = Text("用途", "For")
TOKEN_MADE = Text("创建", "Made")
TOKEN_ENDS = Text("到期", "Ends")
TOKEN_USED = Text("最近使用", "Last used")
TOKEN_MAY = Text("可以", "May")
TOKEN_NEVER_ENDS = Text("一直有效", "Never ends")
TOKEN_ALL = Text("与账号相同", "All its owner may")
REVOKE = Text("吊销", "Revoke")
REVOKED = Text("已吊销", "Revoked")
EXPIRED = Text("已到期", "Expired")
REVOKE_HELP = Text("立即失效，不能恢复。", "It stops working at once, for good.")
TOKEN_REVOKED = Text("令牌已吊销。", "The token is revoked.")
NEVER_USED = Text("从未", "Never")
BACK_TO_ACCOUNT = Text("返回我的账号", "Back to my account")

# --- everybody's accounts ---------------------------------------------------------------------------------------------

ACCOUNTS_HELP = Text(
    "新账号的密码只显示一次，本人第一次登录时须修改。",
    "A new account's password is shown once; its owner changes it when first signing in.",
)
SEARCH = Text("查找用户名、姓名、小区", "Find a name or community")
ONLY_FIRST = Text("只列出前 {n} 个，请输入更多来查找。", "Only the first {n} are listed. Type more to find the others.")
SEARCH_HERE = Text("查找", "Find")
NO_ACCOUNT_MATCHES = Text("没有符合的账号", "No account matches")
ADD_ACCOUNT = Text("添加账号", "Add an account")
ADD = Text("添加", "Add")
DISPLAY_NAME = Text("姓名", "Name to show")
SIGN_IN_NAME_HELP = Text(
    "登录用，小写字母和数字，以后不能改", "To sign in with: small letters and digits; it never changes"
)
COMMUNITIES = Text("小区", "Communities")
COMMITTEES = Text("村居委会", "Committees")
COMMITTEES_HELP = Text("包括其下全部小区", "with all of their communities")
BELONGS_NOWHERE = Text("还不属于任何小区，看不到任何内容", "Belongs nowhere yet, and sees nothing")
DISABLED = Text("已停用", "Disabled")
DISABLE = Text("停用账号", "Disable")
ENABLE = Text("启用账号", "Enable")
DISABLE_HELP = Text(
    "立即退出所有设备，令牌也不再有效。之后可以再启用。",
    "They are signed out everywhere at once, and their tokens stop working. You can enable it again.",
)
ENABLE_HELP = Text("可以重新登录，原有的令牌恢复有效。", "They can sign in again, and their tokens work again.")
WITH_FACTOR = Text("双重验证", "second factor")
ONE_TIME = Text("一次性密码", "one-time password")
LAST_SIGNED_IN = Text("最近使用", "Last seen")
EDIT = Text("修改", "Edit")
SAVE = Text("保存", "Save")
EDIT_HELP = Text(
    "换了角色会立即退出所有设备；所属小区几秒内生效。",
    "Another role signs them out everywhere; other communities count within seconds.",
)
RESET_PASSWORD = Text("重置密码", "Reset password")
RESET_PASSWORD_HELP = Text(
    "生成一次性密码，并结束其全部会话。请确认来人就是本人。",
    "Makes a one-time password and ends all their sessions. Be sure that it is they who ask.",
)
RESET_FACTOR = Text("重置双重验证", "Reset second factor")
RESET_FACTOR_HELP = Text(
    "删除其双重验证与恢复码，并结束其全部会话。请确认来人就是本人。",
    "Takes away second factor and recovery codes, and ends all their sessions. Be sure that it is they who ask.",
)
RESET = Text("重置", "Reset")
PASSWORD_ONCE = Text("密码（只显示这一次）", "Password, shown this once")
PASSWORD_ONCE_HELP = Text(
    "请当面或打电话告诉本人，72 小时内有效，第一次登录时须修改。",
    "Tell it to its owner in person or by phone. It works for 72 hours, and is changed when first used.",
)
SECRET_ONCE = Text("令牌（只显示这一次）", "Token, shown this once")
SECRET_ONCE_HELP = Text(
    "放在请求头里使用：Authorization: Bearer …", "It goes into a header of each request: Authorization: Bearer …"
)
DONE = Text("完成", "Done")
NEW_TOKEN = Text("新建令牌", "New token")
TOKEN_DAYS = Text("有效期", "Valid for")
DAYS = Text("{n} 天", "{n} days")
TOKEN_SCOPE = Text("可以做什么", "What it may do")
TOKEN_WHERE = Text("限于小区（不选为全部所属小区）", "Only in (none: all of its owner's)")
LINKED_AS = Text("统一身份编号（sub）", "Subject at the provider")
LINK = Text("关联统一身份", "Link single sign-on")
LINK_HELP = Text(
    "填写此人在统一身份服务中的 sub。留空表示解除关联。",
    "Their `sub` at the provider. Left empty, nobody signs in as them by way of it.",
)
NOT_LINKED_YET = Text("未关联", "Not linked")
SESSIONS_OF = Text("会话", "Sessions")
NO_SESSIONS = Text("现在没有登录", "Not signed in anywhere")
END_ALL = Text("全部结束", "End all")
END_ALL_HELP = Text("此人须在每台设备上重新登录。", "They sign in again on every device.")
BACK_TO_ACCOUNTS = Text("返回账号", "Back to accounts")
NO_SUCH_ACCOUNT = Text("没有这个账号，或您无权查看。", "There is no such account, or you may not see it.")
CREATED = Text("添加于", "Added")
TOKENS_ONLY = Text("只用令牌，不能用密码登录", "Uses tokens alone; it cannot sign in with a password")
NO_FIELD = Text("请填写{name}", "Please fill in: {name}")
