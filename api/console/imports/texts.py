"""Every text of the import pages, in Chinese and English."""

from api.registry.importing.kept import State
from linli.i18n import Text
from linli.registry.tables.faults import Level

IMPORT = Text("导入与导出", "Import and export")
IMPORT_HELP = Text(
    "整个文件先检查，什么也不改；逐项说明错误和将要改动的内容。确认后一次写入：要么全部，要么一点不改。",
    "A file is checked first and changes nothing: every fault is told, and all that would change. Then it is written at once: all of it or nothing.",
)
TEMPLATE = Text("下载空白模板", "Empty template")
EXPORT_XLSX = Text("导出为 Excel", "Export as Excel")
EXPORT_ZIP = Text("导出为 CSV", "Export as CSV")
EXPORT_HELP = Text("不含住户；可原样再导入。", "Without residents; it can be imported as it is.")
UPLOAD = Text("上传并检查", "Send and check")
FILE = Text(
    "文件（.xlsx、.csv 或装有 CSV 的 .zip，最大 {mb} MB）", "File (.xlsx, .csv or a .zip of CSV, at most {mb} MB)"
)
TABLE = Text("这个 CSV 是哪个表", "What this CSV is")
AS_NAMED = Text("按文件名", "As it is called")
SOURCE = Text("信息来源（默认文件名）", "Where it is from (else the file's name)")
SETTLE = Text("由我核定：以此文件为准", "I settle it: what the file says counts")
REMOVE_MISSING = Text(
    "文件有其表、但没有其行的，从登记中移除（限文件涉及的小区）",
    "Remove what a table of the file leaves out (in the compounds that occur there)",
)
TOO_LARGE = Text("文件超过 {mb} MB；请分成几个", "The file has more than {mb} MB: send it in parts")
SENDING = Text("正在上传", "Sending")
FAILED_TO_SEND = Text("上传没有成功，请重试", "It could not be sent; try again")
YOURS = Text("您的导入（保留一小时）", "Your imports (kept for an hour)")
BACK = Text("返回导入", "Back to imports")
BACK_TO_REGISTRY = Text("返回登记", "Back to the registry")
NO_SUCH_IMPORT = Text("没有这个导入，或已超过一小时。", "There is no such import, or its hour is over.")
READING = Text("正在读取 {table}：{n} 行", "Reading {table}: {n} rows")
WRITING = Text("正在写入：{n} 项", "Writing: {n} items")
BEGINNING = Text("正在开始", "Beginning")
SHEET = Text("表", "Table")
ROWS = Text("行", "Rows")
ADDED = Text("新增", "New")
CHANGED = Text("改动", "Changed")
SAME = Text("无变化", "Unchanged")
APPLY = Text("导入", "Import it")
APPLY_HELP = Text(
    "会再检查一次，然后一次写入；其间有错则什么也不改。",
    "It is checked once more and written at once; with a fault nothing is changed.",
)
REMOVE = Text("丢弃", "Discard")
REMOVE_HELP = Text(
    "文件和检查结果一并删除；正在写入的会中止，什么也不留。",
    "The file goes, and what was found in it; what is being written is undone.",
)
FAULTS = Text("问题（{n}）", "What is wrong ({n})")
FAULTS_FILE = Text("全部下载（CSV）", "All of them (CSV)")
NO_FAULTS = Text("没有问题。", "Nothing is wrong.")
UNLISTED = Text("另有 {n} 处只计数，未列出。", "{n} more were counted and not listed.")
CHANGES = Text("将会改动（{n}）", "What would change ({n})")
WAS_CHANGED = Text("改动（{n}）", "What has changed ({n})")
NO_CHANGES = Text("没有已登记的内容会改动。", "Nothing that is registered would change.")
GOES = Text("移除：文件中没有", "removed: not in the file")
AT_ROW = Text("{sheet} 第 {row} 行", "{sheet} row {row}")
MEND = Text(
    "请改好文件后重新上传：有一处错误，就什么也不写入。",
    "Mend the file and send it again: with one fault nothing is written.",
)
NOTHING_TO_DO = Text("文件与登记一致，没有要改的。", "The file says what is registered: there is nothing to change.")
DONE = Text("已写入 {n} 项。", "{n} items are written.")
EARLIER = Text("上一页", "Back")
LATER = Text("下一页", "More")
OF = Text("第 {first}–{last} 项，共 {n} 项", "{first}–{last} of {n}")

STATES = {
    State.CHECKING: Text("检查中", "Being checked"),
    State.CHECKED: Text("已检查", "Checked"),
    State.REFUSED: Text("无法读取", "Cannot be read"),
    State.APPLYING: Text("写入中", "Being written"),
    State.APPLIED: Text("已导入", "Imported"),
    State.FAILED: Text("未能写入", "Not written"),
    State.INTERRUPTED: Text("已中断，什么也没有写入", "Interrupted: nothing was written"),
}
WITH_FAULTS = Text("有错误", "With faults")
LEVELS = {
    Level.ERROR: Text("错误", "Fault"),
    Level.CONTRADICTION: Text("说法不一", "Contradicted"),
    Level.NOTE: Text("请注意", "Note"),
}
