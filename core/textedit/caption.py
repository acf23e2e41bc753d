"""The captioner: a picture to a sentence, word by word, looking at another place of the picture for each (Xu 2015).

It checks edits, so its first lessons are true captions of engine faces and it keeps seeing them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from core.engine.attributes import KEYS
from core.resnet import ResNet
from core.textedit.config import Config
from core.textedit.networks import bring
from core.textedit.vocabulary import COMMA, END, LONGEST, PAD, START_CHINESE, START_ENGLISH, UNKNOWN

MAP_SIDE = 8
WARMTH = 1.0
"""How far sentences drawn by lot stray from the likeliest."""
LAYERS = 18
FACE_BOX = (0.2, 0.24, 0.8, 0.84)
"""Where faces are in framed portraits: left, top, right, bottom."""
NEVER = (PAD, START_ENGLISH, START_CHINESE, UNKNOWN)


class Eye(nn.Module):
    """Convolutions of even stride with LeakyReLU and instance norm: a picture to a map and to the vector x."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs, steps = 3, int(math.log2(config.size // MAP_SIDE))
        for place in range(steps):
            outputs = config.captioner_width * 2 ** min(place, 3)
            layers.append(nn.Conv2d(inputs, outputs, 4, 2, 1))
            layers += [nn.InstanceNorm2d(outputs, affine=True)] if place else []  # the first keeps colours apart
            layers.append(nn.LeakyReLU(0.2))
            if place == steps - 1:
                layers += [nn.Conv2d(outputs, outputs, 3, 1, 1), nn.LeakyReLU(0.2)]
            inputs = outputs
        self.layers, self.channels, self.size = nn.Sequential(*layers), inputs, config.size
        self.colours = nn.Linear(3 * MAP_SIDE**2, config.vector_width)
        self.leave = nn.Linear(inputs * MAP_SIDE**2, config.vector_width)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """N x 3 x S x S to the map N x 64 x channels and x N x vector_width; x also sees colours, which norms take out."""
        pictures = bring(pictures, self.size)
        found = self.layers(pictures)
        coarse = nn.functional.adaptive_avg_pool2d(pictures, MAP_SIDE).flatten(1)
        x = nn.functional.leaky_relu(self.leave(found.flatten(1)) + self.colours(coarse), 0.2)
        return found.flatten(2).transpose(1, 2), x


class CloseEye(nn.Module):
    """Residual trunks instead: one looks at the face closely, one at the whole with half an eye."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.near, self.whole = (ResNet(LAYERS, 3, config.captioner_width) for _ in range(2))
        self.channels, self.size = self.near.channels, config.size
        cells = max(1, config.size // 32) ** 2 + max(1, config.size // 64) ** 2
        self.leave = nn.Linear(self.channels * cells, config.vector_width)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """N x 3 x S x S to the map N x places x channels and x N x vector_width."""
        pictures = bring(pictures, self.size)
        left, top, right, bottom = (round(share * self.size) for share in FACE_BOX)
        near = self.near(bring(pictures[:, :, top:bottom, left:right], self.size))
        whole = self.whole(bring(pictures, max(32, self.size // 2)))
        places = torch.cat((near.flatten(2), whole.flatten(2)), 2).transpose(1, 2)
        return places, nn.functional.leaky_relu(self.leave(places.flatten(1)), 0.2)


class Captioner(nn.Module):
    """h_t = LSTM(x, h_(t-1), m_(t-1)) with the word before, c_t read from the map, next word = softmax f(h_t, c_t)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        wide = config.sentence_width
        self.eye = CloseEye(config) if config.eye == "resnet" else Eye(config)
        self.grade = nn.Linear(config.vector_width, len(KEYS))
        self.words = nn.Embedding(config.words, config.word_width, padding_idx=PAD)
        self.enter = nn.Linear(config.vector_width, wide)
        self.lstm = nn.LSTM(config.word_width + wide, wide, batch_first=True)
        self.ask, self.places = nn.Linear(wide, wide), nn.Linear(self.eye.channels, wide)
        self.say = nn.Linear(wide + self.eye.channels, config.words)

    def see(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """The map and x of pictures."""
        return self.eye(pictures)

    def grades(self, x: Tensor) -> Tensor:
        """Scores (N, 26) of the attributes from x: a plain reading beside the sentences."""
        return self.grade(x)

    @torch.no_grad()
    def read(self, pictures: Tensor) -> Tensor:
        """Scores (N, 26) of pictures, read from each and its mirror image: nothing but the turn of a head changes sides."""
        there, mirrored = (self.grades(self.see(one)[1]).float() for one in (pictures, pictures.flip(3)))
        turn = KEYS.index("head_turn")
        mirrored[:, turn] = 1.0 - mirrored[:, turn]
        return (there + mirrored) / 2

    def forward(self, pictures: Tensor, sentences: Tensor) -> Tensor:
        """What is said after each true word: logits N x (T - 1) x words for sentences N x T that begin with a start."""
        return self.follow(*self.see(pictures), sentences[:, :-1])

    def follow(self, places: Tensor, x: Tensor, before: Tensor) -> Tensor:
        """Logits N x T x words after each of the words before."""
        hidden, _ = self._listen(x, before, None)
        return self._answer(hidden, places)

    def _listen(
        self, x: Tensor, before: Tensor, state: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        seen = torch.tanh(self.enter(x))[:, None].expand(-1, before.shape[1], -1)
        with torch.autocast(x.device.type, enabled=False):
            return self.lstm(torch.cat((self.words(before), seen.float()), 2), state)

    def _answer(self, hidden: Tensor, places: Tensor) -> Tensor:
        looked = self.ask(hidden) @ self.places(places).transpose(1, 2) / math.sqrt(hidden.shape[2])
        context = looked.softmax(2) @ places
        return self.say(torch.cat((hidden.to(context.dtype), context), 2)).float()

    @torch.no_grad()
    def describe(self, pictures: Tensor, start: int = START_ENGLISH, most: int = LONGEST) -> list[list[int]]:
        """The likeliest next word until ``<end>``; no word twice in a row, no three words twice (Paulus 2017)."""
        return self._speak(*self.see(pictures), start, most)

    @torch.no_grad()
    def propose(
        self, picture: Tensor, count: int, start: int = START_ENGLISH, most: int = LONGEST
    ) -> tuple[list[list[int]], Tensor]:
        """The likeliest sentence about one picture and others drawn by lot, always the same; and its grades (26) by ``read``."""
        places, x = self.see(picture)
        draw = torch.Generator().manual_seed(0)
        luck = -torch.rand(count, most, self.say.out_features, generator=draw).clamp_min(1e-9).log()
        luck = -luck.clamp_min(1e-9).log() * WARMTH  # Gumbel: the greatest sum is a draw by the odds
        luck[0] = 0.0
        rows = self._speak(places, x.expand(count, -1), start, most, luck.to(x.device))
        return rows, self.read(picture)[0]

    def _speak(self, places: Tensor, x: Tensor, start: int, most: int, luck: Tensor | None = None) -> list[list[int]]:
        """Sentences, one for each x; with the places of one picture alone all of them are about it."""
        word = torch.full((len(x), 1), start, dtype=torch.int64, device=x.device)
        state, said, ended = None, [], torch.zeros_like(word, dtype=torch.bool)
        while len(said) < most and not ended.all():
            hidden, state = self._listen(x, word, state)
            asking = hidden.view(len(places), -1, hidden.shape[2])
            logits = self._answer(asking, places).view(len(x), -1)
            logits[:, list(NEVER)] = -torch.inf
            logits.scatter_(1, word, -torch.inf)
            _forbid_again(logits, said)
            if not said:
                logits[:, [END, COMMA]] = -torch.inf
            if luck is not None:
                logits = logits + luck[:, len(said)]
            word = logits.argmax(1, keepdim=True)
            said.append(word)
            ended |= word == END
        rows = torch.cat(said, 1).tolist()
        return [row[: row.index(END)] if END in row else row for row in rows]


def _forbid_again(logits: Tensor, said: list[Tensor]) -> None:
    """Rules out words that would end three words in a row which the sentence already holds."""
    if len(said) < 3:
        return
    words = torch.cat(said, 1)
    begun = (words[:, :-2] == words[:, -2:-1]) & (words[:, 1:-1] == words[:, -1:])
    again = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, words[:, 2:].where(begun, PAD), True)
    logits.masked_fill_(again, -torch.inf)
