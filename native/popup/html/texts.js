/*
 * Every word that the popup says, for the page and for the Windows library alike: the page loads this file, and
 * client_shim/popup.py makes a C header of it.  What stands between "= " and ";" is JSON.
 * "{}" is filled in; "&" stands before the letter of a keyboard shortcut.  A reason that begins as
 * reasons_in_words_begin, or has what is in reasons_in_words_have, is none without words of the doctor's own.
 */
var PRECHECK_POPUP_TEXTS = {
  "title": "处方事前审核",

  "headline_block": "拦截：不能提交",
  "headline_review": "须交药师审核：发现 {} 项问题",
  "headline_reason": "提醒：发现 {} 项问题，继续须写明理由",
  "headline_warn": "提醒：发现 {} 项问题，请核对",
  "headline_hint": "提示：有 {} 项请留意",
  "headline_pass": "未发现问题",
  "headline_partial": "部分未判断：已判断的部分未发现须处理的问题",
  "headline_not_checked": "未审核",

  "note_block": "有不能继续的问题，请返回修改。",
  "note_partial": "有 {} 项未判断，列在最后。未判断不等于合规。",
  "note_partial_untold": "有部分内容未判断。未判断不等于合规。",
  "note_stale": "规则或病历数据可能不是最新，请自行核对。",
  "note_not_checked": "本次提交没有经过审核，不等于合规。可以返回后再试；未经审核继续的，请自行核对，发药前应补审。",
  "note_cause": "原因：{}（代码 {}）。",

  "action_block": "拦截",
  "action_review": "交药师审核",
  "action_reason": "须写理由",
  "action_warn": "提醒",
  "action_hint": "提示",
  "action_unjudged": "未判断",

  "entry_title": "{}.【{}】{}",
  "entry_unjudged": "以下内容未判断，不等于合规",
  "entry_line": "第{}行 ",
  "entry_violating": "问题所在：",
  "entry_related": "相关项目：",
  "entry_amount": "涉及金额：{} 元",
  "entry_ways_out": "处理办法：",
  "entry_two_signatures": "双签在医院信息系统中办理，本窗口不能代替。",
  "entry_sources": "依据：",
  "entry_basis": "原文：",
  "entry_rules": "（有关规则：{}）",
  "list_separator": "；",
  "name_separator": "、",

  "reason_label": "理由(&R)：",
  "reason_more": "补充(&M)：",
  "reason_choose": "请选择理由",
  "reason_other": "其他，在“补充”中写明",
  "reason_joint": "：",
  "reason_not_asked": "已阅，未要求填写理由",
  "reasons_in_words_begin": ["其他", "其它"],
  "reasons_in_words_have": ["请写明", "请注明", "须写明", "须注明", "，写明", "，注明", "（写明", "（注明"],
  "reasons_common": ["病情需要", "患者已长期使用且耐受", "已告知患者并取得同意", "上级医师同意", "信息登记有误，已核对"],

  "missing_reason": "第 {} 项：请选择理由，或写明理由。",
  "missing_words": "第 {} 项：请写明理由，至少 {} 个字。",
  "reason_too_long": "第 {} 项：理由最多 {} 个字。",

  "button_continue": "继续(&C)",
  "button_continue_reason": "写明理由后继续(&C)",
  "button_continue_review": "继续并交药师审核(&C)",
  "button_continue_not_checked": "未经审核，继续(&C)",
  "button_back": "返回修改(&B)",
  "button_sources": "显示依据(&S)",
  "button_previous": "上一页(&P)",
  "button_next": "下一页(&N)",
  "page": "第 {} 页，共 {} 页",
  "footer": "审核编号 {}　规则 {}",

  "feedback_not_sent": "您的选择已经生效，但处理意见没有送到审核服务。\n原因：{}（代码 {}）。\n请告诉信息科补送。",
  "feedback_not_written": "您的选择已经生效，但处理意见没有写到文件里。\n请告诉信息科。",

  "results": {
    "-1": "医生站程序调用有误，请联系信息科",
    "-2": "医生站程序调用有误，请联系信息科",
    "-3": "审核服务地址设置有误，请联系信息科",
    "-4": "证书文件不能使用，请联系信息科",
    "-5": "医生站程序没有取回答复，请联系信息科",
    "-6": "医生站程序没有取回答复，请联系信息科",
    "-7": "上一次审核还没有结束，请稍后再试",
    "-8": "提交的内容过大",
    "-9": "审核答复过大",
    "-10": "提交的内容有误，审核服务不能读取，请联系信息科",
    "-11": "审核服务不允许本站访问，请联系信息科",
    "-12": "审核服务不支持这项请求，请联系信息科",
    "-100": "审核服务没有在规定时间内答复",
    "-101": "连接不上审核服务",
    "-102": "安全连接失败，请联系信息科",
    "-103": "审核服务暂时不能使用",
    "-104": "审核服务的答复不能识别，请联系信息科",
    "-105": "审核服务出错",
    "-106": "审核被取消",
    "-107": "审核服务收到了，但没有一项能够判断",
    "-900": "医生站内存不足，请联系信息科",
    "-901": "医生站系统出错，请联系信息科",
    "other": "审核没有完成，请联系信息科"
  }
};
