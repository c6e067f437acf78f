"""Whether the device took a job up, or stayed receptive: shared by several families."""

from __future__ import annotations

from rig.judge.rule import Findings, broken, kept, open_end
from rig.judge.story import Delivery, Seen, Story
from rig.judge.story import seen as s

LIFE = (s.JobRequested, s.Reported, s.BlocksRequested, s.Subscribed, s.Pinged)


def reaction(story: Story, delivery: Delivery, what: str) -> Findings:
    """A finding on whether the device did anything about this valid, ordinary job."""
    if not story.must_take(delivery):
        return
    if delivery.taken_up is not None:
        yield kept(f"{what} was taken up", delivery.seen, delivery.taken_up)
    elif delivery.follower is None and story.waited_in_vain(delivery.seen):
        yield broken(f"the device did nothing about {what}", delivery.seen)
    else:
        yield open_end(f"the trace ends before {what} could be taken up", delivery.seen)


def next_job_taken(story: Story, delivery: Delivery) -> Seen | bool | None:
    """What the device did about the next valid job of the same run.

    The observation if it took that job up, False if it did nothing, None if there was none.
    """
    following = delivery.follower
    while following is not None:
        if story.must_take(following) and following.is_receptive:
            if following.taken_up is not None:
                return following.taken_up
            return False if story.waited_in_vain(following.seen) else None
        following = following.follower
    return None


def sign_of_life(story: Story, after: Seen) -> Seen | None:
    """The first thing the device did in the same run after this, beyond acknowledging."""
    later = [
        seen
        for kind in LIFE
        if (seen := story.next_of(kind, after)) is not None and story.same_run(seen, after)
    ]
    return min(later, key=lambda seen: seen.line, default=None)
