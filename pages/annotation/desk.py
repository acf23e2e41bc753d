"""The desk's entry: who is here, what there is to label. Started by the studio, never by itself."""

from __future__ import annotations

import hmac
import os
from pathlib import Path

import streamlit as st

from studio.annotations import Annotations
from studio.desk import LANGUAGE_HEADER, PROFILE_HEADER, TOKEN_HEADER, TOKEN_VARIABLE
from studio.language import Language, speak
from studio.media import Media
from studio.people import People
from studio.settings import LANGUAGES, Settings
from studio.store import Store


def show() -> None:
    """Draw the desk for whoever asks."""
    st.set_page_config(page_title="Likeness", page_icon="◆", layout="wide")
    headers = st.context.headers
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token or not hmac.compare_digest(headers.get(TOKEN_HEADER, ""), token):
        st.error("Open the desk through the studio's own address. / 请从工作室的地址打开标注台。")
        st.stop()
    profile = bytes.fromhex(headers.get(PROFILE_HEADER, "")).decode()
    code = headers.get(LANGUAGE_HEADER, "en")
    say = speak(code if code in LANGUAGES else "en")
    media, annotations = open_media(os.environ["LIKENESS_HOME"])
    st.markdown(f"[◆ Likeness](/) · **{say('desk.title')}**")
    st.title(say("desk.title"))
    st.write(say("desk.summary"))
    _show_uploads(media, annotations, profile, say)


@st.cache_resource
def open_media(home: str) -> tuple[Media, Annotations]:
    """The kept files and their labels, opened once for all visitors."""
    settings = Settings(home=Path(home))
    store = Store(settings.home / "studio.sqlite3")
    return Media(settings, store, People(settings, store)), Annotations(store)


def _show_uploads(media: Media, annotations: Annotations, profile: str, say: Language) -> None:
    pictures = [one for one in media.of(profile) if one.type.startswith("image/")]
    labels = annotations.count(profile)
    counts = st.columns(4)
    counts[0].metric(say("desk.pictures"), len(pictures))
    counts[1].metric(say("desk.labelled"), len(labels))
    if not pictures:
        st.info(say("desk.nothing"))
        return
    columns = st.columns(4)
    for index, picture in enumerate(pictures):
        caption = say("desk.label_kept") if picture.id in labels else None
        columns[index % 4].image(str(picture.path), caption, width="stretch")


show()
