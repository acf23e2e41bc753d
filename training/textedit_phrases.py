"""Phrases that only measure: wordings outside of the grammar with what they mean, and Chinese ones to be spoken."""

from __future__ import annotations

Meaning = tuple[tuple[str, int], ...]


def _read(lines: str) -> tuple[tuple[str, Meaning], ...]:
    rows = []
    for line in lines.strip().splitlines():
        text, _, meaning = line.partition("|")
        wishes = tuple((word[1:], 1 if word[0] == "+" else -1) for word in meaning.split())
        rows.append((text.strip(), wishes))
    return tuple(rows)


WORDINGS = _read(
    """
I'd love her eyes to be huge | +eye_size
could you shrink the eyes a little | -eye_size
open those eyes wider | +eye_openness
have him close his eyes | -eye_openness
give her bushier brows | +brow_thickness
pluck the eyebrows | -brow_thickness
raise the eyebrows | +brow_height
slim down the nose | -nose_width
a button nose | -nose_length
make the nose longer | +nose_length
a narrower face please | -face_width
lengthen the chin | +chin_length
chubby cheeks would be nice | +cheek_fullness
plump up the lips | +lip_fullness
a tiny mouth | -mouth_width
let her grin from ear to ear | +smile
wipe that smile off | -smile
she should look serious | -smile
mouth wide open as if shouting | +mouth_open
shave his head | -hair_length
hair down to the waist | +hair_length
cut the hair short | -hair_length
curls everywhere | +hair_curl
straighten the hair | -hair_curl
add bangs | +fringe
sweep the fringe away | -fringe
turn her into a blonde | +hair_lightness
dye the hair black | -hair_lightness
a redhead | +hair_redness
grow him a beard | +beard
clean-shaven | -beard -moustache
a moustache like a walrus | +moustache
put glasses on her | +glasses
take off the glasses | -glasses
without spectacles | -glasses
wearing a big hat | +hat
lose the hat | -hat
lots of lipstick and eyeshadow | +make_up
no makeup at all | -make_up
make her look ten years younger | -age
an old man | +age
a teenager with freckles and long hair | -age +hair_length
bald with a thick beard | -hair_length +beard
big eyes but a small nose | +eye_size -nose_width
smiling, with curly hair | +smile +hair_curl
not so long hair | -hair_length
fuller lips and no glasses | +lip_fullness -glasses
longer, darker hair | +hair_length -hair_lightness
a grandmother wearing specs | +age +glasses
blond bearded guy with a cap | +hair_lightness +beard +hat
眼睛再大一些 | +eye_size
把眼睛变小 | -eye_size
眼睛睁大点儿 | +eye_openness
闭上眼睛 | -eye_openness
眉毛浓密一些 | +brow_thickness
眉毛细一点 | -brow_thickness
眉毛抬高 | +brow_height
鼻子小巧一点 | -nose_width
鼻梁长一点 | +nose_length
鼻子短短的 | -nose_length
瘦脸 | -face_width
脸宽一点 | +face_width
下巴尖一点 | +chin_length
脸蛋圆嘟嘟的 | +cheek_fullness
厚嘴唇 | +lip_fullness
樱桃小嘴 | -mouth_width
笑得灿烂一点 | +smile
不要笑 | -smile
严肃一点 | -smile
张大嘴巴 | +mouth_open
把嘴闭上 | -mouth_open
剃光头 | -hair_length
长发飘飘 | +hair_length
剪短头发 | -hair_length
烫个卷发 | +hair_curl
把头发拉直 | -hair_curl
加上刘海 | +fringe
不要刘海 | -fringe
染成金发 | +hair_lightness
一头黑发 | -hair_lightness
染红头发 | +hair_redness
留点胡子 | +beard
把胡子刮掉 | -beard
八字胡翘起来 | +moustache
戴上眼镜 | +glasses
摘掉眼镜 | -glasses
戴顶帽子 | +hat
脱掉帽子 | -hat
化个浓妆 | +make_up
素颜就好 | -make_up
年轻十岁 | -age
老奶奶 | +age
小姑娘，大眼睛 | -age +eye_size
光头大胡子 | -hair_length +beard
卷发，戴眼镜 | +hair_curl +glasses
大眼睛小嘴巴 | +eye_size -mouth_width
头发别那么长 | -hair_length
微笑着的老爷爷 | +smile +age
黑色短发，不戴眼镜 | -hair_lightness -hair_length -glasses
高鼻梁，薄嘴唇 | -lip_fullness +nose_length
"""
)
"""Half English, half Chinese; written by hand, never used while training."""

SPOKEN_CHINESE = (
    "大眼睛长头发", "长头发大眼睛", "短头发，没有刘海", "戴眼镜的老人", "请给我长头发",
    "没有胡须", "鼻子更短，嘴唇更厚", "卷头发", "浓密的眉毛", "年轻一点",
    "再老一点", "笑容更大", "不戴眼镜", "戴一顶帽子", "没有帽子",
    "头发更长一点", "眼睛更大一点", "红头发", "黑色的头发，大胡子", "浓妆",
    "素颜", "宽脸", "窄脸，尖下巴", "下巴更长", "脸颊更饱满",
    "嘴巴更宽", "嘴巴张大一点", "闭着嘴", "没有笑容，短头发", "微笑，卷头发",
    "眉毛更高", "眉毛更细", "鼻子更宽", "鼻子更长一点", "眼睛小一点",
    "头发颜色更浅", "头发更直", "有刘海", "八字胡", "粗框眼镜，短头发",
)  # fmt: skip
"""Forty phrases to be spoken."""

SPOKEN_ENGLISH = (
    "big eyes and long hair",
    "give him a beard",
    "short hair but no beard",
    "curly hair with glasses",
    "make the nose wider",
    "a longer nose and thin lips",
    "thick eyebrows please",
    "a hat and a moustache",
    "older with grey hair",
    "younger and smiling",
    "blond hair and a fringe",
    "red hair and no glasses",
    "take off the hat",
    "full lips and make up",
    "a round face with full cheeks",
    "a short chin and high eyebrows",
    "straight black hair",
    "very short hair and a big beard",
    "a small mouth and big eyes",
    "open mouth and wide eyes",
    "closed eyes and a big smile",
    "no smile and no make up",
    "a wide mouth with thin lips",
    "a bald man with glasses",
    "long curly hair and a hat",
    "wider face and shorter nose",
    "less beard and more hair",
    "a much longer chin",
    "slightly bigger eyes",
    "somewhat older and a beard",
    "much younger and no glasses",
    "low eyebrows and a hat",
    "hollow cheeks and a long face",
    "dark hair and light make up",
    "a big nose and small eyes",
    "a moustache but no beard",
    "heavy glasses and a fringe",
    "thin eyebrows and a long nose",
    "fuller cheeks and fuller lips",
    "a smile and full lips",
)
"""Wishes to be spoken; none is an utterance of the corpus that the decoder learned from."""
