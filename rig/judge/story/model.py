"""What the device was doing, inferred from what passed on the wire.

The model follows the states of the agent (OTA spec §2) only as far as the wire shows them. Where
two readings are possible it takes the one that is kinder to the device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from rig.judge.story import seen as s
from rig.judge.story.report import Kind
from rig.judge.story.timeline import Timeline
from rig.judge.story.transfer import (
    Datum,
    Delivery,
    End,
    Fate,
    RangeAsked,
    Situation,
    Transfer,
)

Predicate = Callable[[Delivery], bool]

# Documents that may still turn into a transfer; more than a few cannot be on their way.
MAX_PENDING = 4


class DeviceModel:
    """Consumes observations in story order; afterwards `deliveries` and `transfers` are there."""

    def __init__(self, timeline: Timeline) -> None:
        self.deliveries: list[Delivery] = []
        self.transfers: list[Transfer] = []
        self.stray_requests: list[s.BlocksRequested] = []
        """Block requests for a stream that no job has named."""
        self.stray_http: list[s.HttpAsked] = []
        """HTTP requests that belong to no job's URL."""
        self.suspensions: list[tuple[s.Commanded, s.Commanded | None]] = []
        """Pairs of a suspension and the command that ended it."""
        self._timeline = timeline
        self._run = -1
        self._asked = False
        self._self_testing = False
        self._suspended: s.Commanded | None = None
        self._active: Transfer | None = None
        self._crossing: s.Delivered | None = None
        """A document that came when the active transfer may have been over already."""
        self._unsure: Transfer | None = None
        self._pending: list[Delivery] = []
        self._by_job: dict[str, Delivery] = {}
        self._by_stream: dict[str, Transfer] = {}
        self._open_ranges: dict[int | None, RangeAsked] = {}

    def follow(self, observations: Sequence[s.Seen]) -> None:
        """Take in all observations of a trace."""
        for observation in observations:
            run = self._timeline.run_of(observation).number
            if run != self._run:
                self._start_run(run, observation)
            match observation:
                case s.JobRequested():
                    self._job_request()
                case s.Delivered():
                    self._deliver(observation)
                case s.Subscribed():
                    self._subscribe(observation)
                case s.BlocksRequested():
                    self._request(observation)
                case s.DataDelivered():
                    self._data(observation)
                case s.HttpAsked():
                    self._http_asked(observation)
                case s.HttpAnswered():
                    self._http_answered(observation)
                case s.Reported():
                    self._report(observation)
                case s.Closed():
                    self._closed(observation)
                case s.Commanded():
                    self._command(observation)
        if self._suspended is not None:
            self.suspensions.append((self._suspended, None))

    # -- starts and ends -----------------------------------------------------------------------

    def _start_run(self, run: int, observation: s.Seen) -> None:
        self._run = run
        self._asked = False
        self._self_testing = self._timeline.runs[run].is_pending
        self._pending.clear()
        self._by_job.clear()
        if self._timeline.runs[run].witnessed:
            if self._suspended is not None:
                self.suspensions.append((self._suspended, None))
                self._suspended = None
            self._end(End.RESTARTED, observation)
            self._unsure = None
        elif self._active is not None:
            # Perhaps the connection was lost, perhaps the device restarted: what it asks for
            # next will tell.
            self._active.interruptions.append(observation)
            self._unsure, self._active = self._active, None

    def _end(self, end: End, by: s.Seen) -> None:
        if self._active is not None and self._active.end is None:
            self._active.end = end
            self._active.ended_by = by
        self._active = None
        self._crossing = None

    def _closed(self, observation: s.Closed) -> None:
        self._asked = False
        if self._active is not None and self._timeline.has_boots:
            self._active.interruptions.append(observation)

    def _command(self, command: s.Commanded) -> None:
        match command.name:
            case "suspend" if self._suspended is None:
                self._suspended = command
                if self._active is not None:
                    self._active.interruptions.append(command)
            case "resume" | "start" | "reset" | "shutdown" if self._suspended is not None:
                self._resume(command)
            case "abort" if self._suspended is not None and self._active is not None:
                # An abort of a job leads out of the suspension (OTA spec §2.6).
                self._resume(command)
        if command.name == "shutdown":
            self._end(End.SHUT_DOWN, command)
            self._pending.clear()

    def _resume(self, command: s.Commanded) -> None:
        assert self._suspended is not None
        self.suspensions.append((self._suspended, command))
        self._suspended = None

    # -- documents -----------------------------------------------------------------------------

    def _job_request(self) -> None:
        self._asked = True
        if self._crossing is not None:
            self._end(End.DROPPED, self._crossing)

    def _deliver(self, seen: s.Delivered) -> None:
        delivery = Delivery(seen, self._situation(), self._run)
        previous = self.deliveries[-1] if self.deliveries else None
        if previous is not None and previous.run == self._run:
            previous.follower = delivery
        self.deliveries.append(delivery)
        if delivery.situation is Situation.SUSPENDED:
            return
        offer = seen.offer
        if delivery.situation is Situation.DOWNLOADING:
            if self._active is not None and self._active.may_be_decided:
                # It crosses with the end of the download: what the device does next will tell.
                self._crossing = self._crossing or seen
            else:
                self._end(End.DROPPED, seen)
            return
        self._asked = False
        if offer.job_id is not None:
            self._by_job[offer.job_id] = delivery
        if offer.offers_nothing:
            self._end(End.REPLACED, seen)
            self._pending.clear()
            return
        if self._active is not None:
            if self._active.job_id == offer.job_id:
                self._active.resumed_by.append(delivery)
            else:
                self._end(End.REPLACED, seen)
        if self._unsure is not None and self._unsure.job_id == offer.job_id:
            self._unsure.resumed_by.append(delivery)
        self._pending.append(delivery)
        del self._pending[:-MAX_PENDING]

    def _situation(self) -> Situation:
        if self._suspended is not None:
            return Situation.SUSPENDED
        if self._self_testing:
            return Situation.SELF_TEST
        if self._asked:
            return Situation.ASKED
        if self._active is not None:
            return Situation.DOWNLOADING
        waiting = any(delivery.taken_up is None for delivery in self._pending)
        return Situation.UNCERTAIN if waiting else Situation.IDLE

    def _take_up(self, delivery: Delivery, by: s.Seen) -> None:
        if delivery.taken_up is None:
            delivery.taken_up = by

    def _subscribe(self, subscribed: s.Subscribed) -> None:
        for delivery in self._pending:
            stream = delivery.offer.stream
            if stream and any(f"/streams/{stream}/" in name for name, _ in subscribed.filters):
                self._take_up(delivery, subscribed)

    def _report(self, reported: s.Reported) -> None:
        if reported.report.kind is Kind.ACTIVE:
            self._self_testing = True
        elif reported.report.is_terminal:
            self._self_testing = False
        delivery = self._by_job.get(reported.job_id)
        if delivery is not None:
            self._take_up(delivery, reported)
            delivery.reports.append(reported)
            if delivery in self._pending and reported.report.is_terminal:
                self._pending.remove(delivery)
        transfer = self._active
        if transfer is None or transfer.job_id != reported.job_id:
            if delivery is not None and delivery.transfer is not None:
                delivery.transfer.reports.append(reported)
            return
        transfer.reports.append(reported)
        if reported.report.is_terminal:
            self._end(End.TERMINAL, reported)
        elif reported.report.kind is Kind.READY:
            self._end(End.READY, reported)

    # -- MQTT data -----------------------------------------------------------------------------

    def _request(self, request: s.BlocksRequested) -> None:
        transfer = self._active
        if transfer is None or transfer.offer.stream != request.stream:
            transfer = self._transfer_of(request)
        if transfer is None:
            ended = self._by_stream.get(request.stream)
            if ended is None:
                self.stray_requests.append(request)
            else:
                ended.late_requests.append(request)
            return
        self._settle_pending(lambda waiting: waiting.offer.stream == request.stream, request)
        transfer.requests.append(request)
        transfer.delivered_since_request = 0

    def _transfer_of(self, request: s.BlocksRequested) -> Transfer | None:
        delivery = self._waiting(lambda waiting: waiting.offer.stream == request.stream)
        unsure, self._unsure = self._unsure, None
        if delivery is None:
            return None
        self._take_up(delivery, request)
        if unsure is not None and unsure.job_id == delivery.offer.job_id:
            if not _asks_for_all(request, unsure):
                self._active = unsure
                return unsure
            unsure.end, unsure.ended_by = End.RESTARTED, request
        self._begin(delivery, request, by_http=False)
        self._by_stream[request.stream] = self.transfers[-1]
        return self.transfers[-1]

    def _begin(self, delivery: Delivery, first: s.Seen, *, by_http: bool) -> None:
        self._end(End.REPLACED, delivery.seen)
        transfer = Transfer(delivery.offer.job_id or "", delivery, by_http, self._run, first)
        delivery.transfer = transfer
        self.transfers.append(transfer)
        self._active = transfer

    def _data(self, data: s.DataDelivered) -> None:
        transfer = self._active
        if transfer is None or transfer.offer.stream != data.stream:
            ended = self._by_stream.get(data.stream)
            if ended is not None:
                ended.late_data.append(data)
            return
        fate = transfer.fate_of(data.block, suspended=self._suspended is not None)
        if fate is Fate.NEW and data.block.index is not None:
            transfer.delivered |= 1 << data.block.index
            transfer.delivered_since_request |= 1 << data.block.index
        transfer.data.append(Datum(data, fate, len(transfer.requests)))

    # -- HTTP data -----------------------------------------------------------------------------

    def _http_asked(self, asked: s.HttpAsked) -> None:
        transfer = self._active
        if transfer is None or not transfer.by_http:
            delivery = self._waiting(lambda waiting: self._may_use_http(waiting, asked))
            if delivery is None:
                late = next((t for t in reversed(self.transfers) if t.by_http), None)
                if late is not None and late.run == self._run:
                    late.late_requests.append(asked)
                else:
                    self.stray_http.append(asked)
                return
            self._take_up(delivery, asked)
            unsure, self._unsure = self._unsure, None
            starts_anew = asked.range is None or asked.range[0] == 0
            if unsure is not None and unsure.by_http and not starts_anew:
                self._active = unsure
            else:
                self._begin(delivery, asked, by_http=True)
            transfer = self._active
        assert transfer is not None
        self._settle_pending(lambda waiting: self._may_use_http(waiting, asked), asked)
        transfer.ranges.append(RangeAsked(asked))
        self._open_ranges[asked.conn] = transfer.ranges[-1]

    def _may_use_http(self, delivery: Delivery, asked: s.HttpAsked) -> bool:
        url = delivery.offer.url
        return url is not None and urlsplit(url).path == urlsplit(asked.target).path

    def _http_answered(self, answered: s.HttpAnswered) -> None:
        asked = self._open_ranges.pop(answered.conn, None)
        if asked is not None:
            asked.answered = answered

    def _settle_pending(self, fits: Predicate, by: s.Seen) -> None:
        """Documents that only refreshed the transfer have done their work."""
        while (delivery := self._waiting(fits)) is not None:
            self._take_up(delivery, by)

    def _waiting(self, fits: Predicate) -> Delivery | None:
        delivery = next((d for d in reversed(self._pending) if fits(d)), None)
        if delivery is not None:
            self._pending.remove(delivery)
        return delivery


def _asks_for_all(request: s.BlocksRequested, transfer: Transfer) -> bool:
    blocks = transfer.blocks
    return blocks is None or request.request.wanted == (1 << blocks) - 1
