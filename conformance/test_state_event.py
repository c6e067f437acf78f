"""Every state of the agent meets everything that can befall a device: the state × event table."""

from __future__ import annotations

import pytest

from agent.protocol.image import Behaviour
from conformance.state_event_table import CELLS, Cell, Ending, Event, Hold
from rig.scenario import Scenario, Update

BLOCKS = 12
"""An image of so many blocks at least: more than one window of a device that asks for eight."""
ARRIVED = 4
"""So many of them arrive before the others are withheld."""


class Cast:
    """A scenario with the update that the device is held in, and the one that may follow it."""

    def __init__(self, scenario: Scenario, cell: Cell) -> None:
        self.scenario = scenario
        self.cell = cell
        self.cloud, self.device = scenario.cloud, scenario.device
        self.update: Update | None = None
        self.following: Update | None = None
        self.held = 0
        """Where the trace was when the device was held."""

    @property
    def first(self) -> Update:
        assert self.update is not None
        return self.update

    @property
    def second(self) -> Update:
        assert self.following is not None
        return self.following

    # -- to where the device is held -------------------------------------------------------------

    def hold(self) -> None:
        match self.cell.hold:
            case Hold.IDLE:
                pass
            case Hold.OFFLINE | Hold.ASKING:
                self._hold_offline()
            case Hold.UNANSWERED:
                self._hold_unanswered()
            case Hold.ON_TRIAL:
                self._hold_on_trial()
            case Hold.TESTING:
                self.update = self.cloud.offer(
                    self.cloud.images.make("1.0.1", behaviour=Behaviour.HANG)
                )
                self.device.reaches_self_test(self.first, "active")
            case _:
                self._hold_in_download()
        self.held = self.device.mark()

    def _hold_offline(self) -> None:
        self.device.driver.power_cut()
        self.update = self.cloud.offer("1.0.1")
        self.cloud.hold_connection()
        mark = self.device.mark()
        self.device.driver.power_on()
        self.device.is_kept_waiting_for("CONNACK", since=mark)
        if self.cell.hold is Hold.ASKING:
            self.device.command("start")

    def _hold_unanswered(self) -> None:
        self.device.driver.power_cut()
        self.update = self.cloud.offer("1.0.1")
        self.cloud.hold_jobs()
        mark = self.device.mark()
        self.device.power_on()
        self.device.is_kept_waiting_for("PUBLISH", since=mark)

    def _hold_on_trial(self) -> None:
        self.update = self.cloud.offer("1.0.1")
        self.device.reaches_self_test(self.first, "ready")
        self.device.asks_for_a_job_after_booting(self.first.image)
        self.device.misses_answer()

    def _hold_in_download(self) -> None:
        block_size = self.device.board.declares.block_size
        image = self.cloud.images.make("1.0.1", size=BLOCKS * block_size)
        last = -(-image.size // block_size)
        arrived = last - 1 if self.cell.hold is Hold.LAST_BLOCK else ARRIVED
        self.cloud.hold_data_from(arrived + 1)
        mark = self.device.mark()
        self.update = self.cloud.offer(image)
        self.device.gets_block(arrived)
        self.device.is_kept_waiting_for("PUBLISH", since=mark)
        if self.cell.hold is Hold.SUSPENDED:
            self.device.command("suspend")
        elif self.cell.hold is Hold.STOPPED:
            self.device.command("shutdown", "1")

    # -- what befalls it there -------------------------------------------------------------------

    def befall(self) -> None:
        cloud, device = self.cloud, self.device
        match self.cell.event:
            case Event.CANCEL:
                cloud.cancel(self.first)
                self._hears_of_it()
            case Event.SECOND:
                self.following = cloud.offer("1.0.2")
            case Event.ANOTHER:
                self.following = cloud.offer("1.0.2")
                cloud.cancel(self.first)
                self._hears_of_it()
            case Event.RESET:
                device.driver.reset()
            case Event.POWER:
                device.driver.power_cut()
                device.driver.power_on()
            case Event.CUT:
                self.scenario.disturb.cut_connection()
                self._comes_back()
            case Event.ABORT:
                device.command("abort")
                if self.cell.ending is Ending.ABORTED:
                    device.ends(self.first)
            case Event.SUSPEND:
                device.command("suspend")
            case Event.RESUME:
                device.command("resume")
            case Event.STOP:
                device.command("shutdown", "1")
            case Event.CHECK:
                device.command("check")

    def _hears_of_it(self) -> None:
        """Before it is let go: else it would be chance whether it hears or goes on first."""
        if self.cell.hold in (Hold.DOWNLOADING, Hold.LAST_BLOCK, Hold.SUSPENDED):
            self.device.gets_news(since=self.held)

    def _comes_back(self) -> None:
        """Before it is let go: else a command might meet it before it has noticed the cut."""
        if self.cell.hold in (Hold.OFFLINE, Hold.ASKING):
            self.device.is_kept_waiting_for("CONNACK", since=self.held)
        elif self.cell.hold is not Hold.TESTING:
            self.device.is_connected(since=self.held)

    # -- let go ----------------------------------------------------------------------------------

    def let_go(self) -> None:
        """What the device waits for comes; the application undoes what it has done."""
        self.cloud.release_data()
        self.cloud.release_jobs()
        self.cloud.release_connection()
        hold, event = self.cell.hold, self.cell.event
        if event.restarts:
            return
        if event is Event.STOP or hold is Hold.STOPPED:
            self.device.command("start")
        elif event is Event.SUSPEND or (
            hold is Hold.SUSPENDED and event not in (Event.RESUME, Event.ABORT)
        ):
            self.device.command("resume")

    # -- how it ends -----------------------------------------------------------------------------

    def ends(self) -> None:
        device = self.device
        match self.cell.ending:
            case Ending.UPDATED:
                self.succeeds(self.first)
            case Ending.BOTH:
                device.reports(self.first, "SUCCEEDED", "accepted")
                self.succeeds(self.second)
            case Ending.REPLACED:
                self.succeeds(self.second)
                device.never_reported_terminal(self.first)
            case Ending.DROPPED:
                self._is_told_of_no_job()
                device.runs(device.factory)
                self.scenario.proves_alive()
                device.never_reported_terminal(self.first)
            case Ending.ABORTED:
                device.reports(self.first, "FAILED", "aborted: 0x00000013")
                device.runs(device.factory)
                self.scenario.proves_alive()
            case Ending.UNMOVED:
                self._is_back()
                device.runs(device.factory)
                self.scenario.proves_alive()
            case Ending.SETTLED:
                self.settles()
                self.scenario.proves_alive()
            case Ending.ROLLED_BACK:
                device.reports(self.first, "FAILED")
                device.returns_to(device.factory, since=self.held)
                self.scenario.proves_alive()
            case Ending.SETTLED_THEN_SECOND:
                device.ends(self.first)
                self.succeeds(self.second)

    def succeeds(self, update: Update) -> None:
        self.device.reports(update, "SUCCEEDED", "accepted")
        self.device.runs(update.image)

    def settles(self) -> None:
        """The job ends, and what runs is what the device said."""
        device = self.device
        if device.ends(self.first).status == "SUCCEEDED":
            device.runs(self.first.image)
        else:
            device.returns_to(device.factory, since=self.held)

    def _is_told_of_no_job(self) -> None:
        if self.cell.hold in (Hold.ON_TRIAL, Hold.TESTING):
            self.device.boots(self.device.factory, since=self.held)
        self.device.is_told_of_no_job(since=self.held)

    def _is_back(self) -> None:
        """After a restart or a new connection an idle device asks again; after a command it may."""
        event = self.cell.event
        if event.restarts or event in (Event.CUT, Event.STOP, Event.SUSPEND):
            self.device.is_told_of_no_job(since=self.held)


def _param(cell: Cell) -> object:
    marks = [pytest.mark.needs_commands] if cell.needs_commands else []
    return pytest.param(cell, id=cell.name, marks=marks)


@pytest.mark.full_profile
@pytest.mark.parametrize("cell", [_param(cell) for cell in CELLS if cell.ending is not None])
@pytest.mark.usefixtures("good_case")
def test_in(scenario: Scenario, cell: Cell) -> None:
    """Whatever befalls the agent in a state, it comes out of it, and can be updated.

    1. The device is held in a state by keeping back what it waits for (docs/state-event.md).
    2. One thing befalls it there: of the cloud, the network, the power or the application.
    3. It is let go. It ends as the table says, and is alive.
    """
    cast = Cast(scenario, cell)
    if cell.hold is Hold.ON_TRIAL:
        with scenario.cloud.losing_answers():
            cast.hold()
            cast.befall()
    else:
        cast.hold()
        cast.befall()
    cast.let_go()
    cast.ends()
