"""The rules of linking and metrics once more, as loops: slow, short, and independent.

Tests compare the package with this; speed is measured against it. One loop a rule, in the order in
which MOC-Detector applies them. Equal scores keep their order everywhere.
"""

import numpy as np

THRESHOLDS = {
    "video_mAP@0.2": [0.2],
    "video_mAP@0.5": [0.5],
    "video_mAP@0.75": [0.75],
    "video_mAP@0.5:0.95": [0.5 + 0.05 * i for i in range(10)],
    "video_mAP@0.05:0.45": [0.05 + 0.05 * i for i in range(9)],
    "video_mAP@0.10:0.90": [0.1 + 0.1 * i for i in range(9)],
    "video_mAP@0.50:0.95": [0.5 + 0.05 * i for i in range(10)],
}


def iou(box, boxes, add_one_last=False):
    """Overlaps of one box with several, corner pixels included."""
    if add_one_last:
        width = np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0]) + 1
        height = np.minimum(box[3], boxes[:, 3]) - np.maximum(box[1], boxes[:, 1]) + 1
    else:
        width = np.minimum(box[2] + 1, boxes[:, 2] + 1) - np.maximum(box[0], boxes[:, 0])
        height = np.minimum(box[3] + 1, boxes[:, 3] + 1) - np.maximum(box[1], boxes[:, 1])
    shared = np.maximum(0, width) * np.maximum(0, height)
    area = (box[2] - box[0] + 1) * (box[3] - box[1] + 1)
    areas = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
    return shared / (area + areas - shared)


def overlap_with_truth(box, boxes, inclusive):
    """Overlaps by the rule that scores detections: pixels count, or the corners are points."""
    if inclusive:
        return iou(box, boxes)
    width = np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0])
    height = np.minimum(box[3], boxes[:, 3]) - np.maximum(box[1], boxes[:, 1])
    shared = np.maximum(0, width) * np.maximum(0, height)
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return shared / (area + areas - shared)


def suppress(scores, overlap, threshold, soft):
    """New scores and the indices that remain; ``overlap(i, others)`` gives overlaps."""
    scores = scores.copy()
    queue = sorted(range(len(scores)), key=lambda i: -scores[i])
    removed = []
    while queue:
        pivot, *queue = queue
        values = overlap(pivot, queue) if queue else []
        hit = []
        for i, value in zip(queue, values, strict=True):
            if value > threshold:
                hit.append(i)
                if soft:
                    scores[i] *= 1 - value
        removed += [] if soft else hit
        queue = [i for i in queue if i not in hit]
    return scores, [i for i in range(len(scores)) if i not in removed]


def frame_detections(tubelets, num_frames, rule):
    """(frame, label, score, box), ordered by frame, label, window and slot."""
    length = tubelets.num_frames
    for frame in range(1, num_frames + 1):
        rows = [r for r, w in enumerate(tubelets.windows) if w <= frame < w + length]
        for label in range(tubelets.num_classes):
            boxes, scores = [], []
            for row in rows:
                for slot in np.flatnonzero(tubelets.scores[row, :, label] > 0):
                    boxes.append(tubelets.boxes[row, slot, frame - tubelets.windows[row]])
                    scores.append(tubelets.scores[row, slot, label])
            if not boxes:
                continue
            boxes, scores = np.array(boxes), np.array(scores)
            scores, kept = suppress(
                scores,
                lambda i, others, boxes=boxes: iou(boxes[i], boxes[others], add_one_last=True),
                rule.iou,
                rule.soft,
            )
            for i in kept:
                yield frame, label, scores[i], boxes[i]


def tubelets_after_nms(tubelets, row, label, rules):
    """(score, boxes (K, 4)) of one window and class, the best first."""
    scores = tubelets.scores[row, :, label]
    slots = np.flatnonzero((scores > 0) & (scores >= rules.min_tubelet_score))
    boxes = tubelets.boxes[row, slots]
    length = tubelets.num_frames

    def overlap(i, others):
        return sum(iou(boxes[i, k], boxes[others, k], add_one_last=True) for k in range(length))

    rule = rules.tubelet_nms
    scores, kept = suppress(scores[slots], overlap, rule.iou * length, rule.soft)
    kept.sort(key=lambda i: -scores[i])
    return [(scores[i], boxes[i]) for i in kept[: rules.max_tubelets]]


def mean_score(chain):
    return np.mean([score for _, score, _ in chain], dtype=np.float64)


def link(tubelets, num_frames, rules):
    """[(label, score, first frame, boxes (n, 4))], in the order in which tubes are emitted."""
    length = tubelets.num_frames
    max_gap = rules.max_gap or length
    row_of = {int(window): row for row, window in enumerate(tubelets.windows)}
    result = []
    for label in range(tubelets.num_classes):
        live, ended = [], []  # chains of (window, score, boxes)
        for window in range(1, max(num_frames - length + 1, 1) + 1):
            free = []
            if window in row_of:
                free = tubelets_after_nms(tubelets, row_of[window], label, rules)
            if window > 1:
                live.sort(key=lambda chain: -mean_score(chain))
            over = []
            for chain in live:
                last, _, last_boxes = chain[-1]
                gap = window - last
                best = None
                for i, (score, boxes) in enumerate(free):
                    if gap < length:
                        shared = range(length - gap)
                        overlap = sum(iou(last_boxes[k + gap], boxes[k : k + 1]) for k in shared)
                        overlap = overlap / float(length - gap)
                    else:
                        overlap = iou(last_boxes[-1], boxes[:1])
                    if overlap[0] >= rules.min_overlap and (best is None or score > free[best][0]):
                        best = i
                if best is not None:
                    chain.append((window, *free.pop(best)))
                    if window - chain[0][0] + length >= (rules.max_tube_length or float("inf")):
                        over.append(chain)
                elif gap >= max_gap:
                    over.append(chain)
            ended += over[::-1]
            live = [chain for chain in live if not any(chain is other for other in over)]
            live += [[(window, score, boxes)] for score, boxes in free]
        for chain in ended + live:
            tube = build(chain, length, num_frames, rules)
            if tube:
                result.append((label, *tube))
    return result


def build(chain, length, num_frames, rules):
    if rules.trim_below_median:
        least = rules.trim_below_median * np.median(np.array([s for _, s, _ in chain], np.float32))
        if any(score >= least for _, score, _ in chain):
            while chain[0][1] < least:
                chain = chain[1:]
            while chain[-1][1] < least:
                chain = chain[:-1]
    score = np.mean(np.array([score for _, score, _ in chain], np.float32))
    first = chain[0][0]
    size = chain[-1][0] + length - first
    if score < rules.min_tube_score or size < rules.min_tube_length:
        return None
    total, count = np.zeros((size, 4), np.float32), np.zeros((size, 1), np.int64)
    for window, _, boxes in chain:
        for k in range(length):
            total[window - first + k] += boxes[k]
            count[window - first + k] += 1
    boxes = (total / np.maximum(count, 1)).astype(np.float32)
    known = np.flatnonzero(count[:, 0])
    for i in np.flatnonzero(count[:, 0] == 0):
        before, after = known[known < i][-1], known[known > i][0]
        share = (i - before) / (after - before)
        boxes[i] = boxes[before] * (1 - share) + boxes[after] * share
    start, stop = 0, size
    if rules.trim_to_key_frames:
        start += 0 if first == 1 else length // 2
        stop -= 0 if chain[-1][0] == max(num_frames - length + 1, 1) else (length - 1) // 2
    return float(score), first + start, boxes[start : min(stop, num_frames - first + 1)]


def tube_iou(a, b, inclusive=True):
    """Overlap of two (first frame, boxes) in space and time."""
    begin = max(a[0], b[0])
    end = min(a[0] + len(a[1]), b[0] + len(b[1]))
    shared = end - begin if inclusive else end - begin - 1
    if shared <= 0:
        return np.float32(0)
    union = max(a[0] + len(a[1]), b[0] + len(b[1])) - min(a[0], b[0]) - (not inclusive)
    values = [
        overlap_with_truth(a[1][f - a[0]], b[1][f - b[0]][None], inclusive)[0]
        for f in range(begin, end)
    ]
    return np.mean(np.array(values, np.float32)) * (np.float32(shared) / np.float32(union))


def average_precision(outcomes, num_positives, rule):
    """Area under the curve of (score, is right) pairs in descending order."""
    precision, recall, found = [1.0], [0.0], 0
    for rank, right in enumerate(outcomes, start=1):
        found += right
        precision.append(found / rank)
        recall.append(found / num_positives)
    area = 0.0
    for i in range(len(outcomes)):
        if rule == "envelope":
            height = max(precision[i + 1 :])
        else:
            height = (precision[i] + precision[i + 1]) / 2
        area += (recall[i + 1] - recall[i]) * height
    return area


def matches(detections, threshold, rematch):
    """For (score, place, overlaps with the truth there) by falling score: is each right?"""
    taken = set()
    results = []
    for _, place, overlaps in detections:
        options = [
            (value, i) for i, value in enumerate(overlaps) if not rematch or (place, i) not in taken
        ]
        best = max(options, key=lambda option: option[0], default=None)
        right = best is not None and best[0] >= threshold and (place, best[1]) not in taken
        if right:
            taken.add((place, best[1]))
        results.append(right)
    return results


def evaluate(detections, annotations, videos, protocol):
    """Flat metrics as `evaluate_tubelets`."""
    metrics, names = {}, sorted(videos)
    frame_records, tube_records = {}, {}  # label: [(score, place, overlaps)]
    for video in names:
        if video not in detections:
            continue
        annotation = annotations.videos[video]
        truth = {}  # (frame, label): boxes
        for tube in annotation.tubes:
            for frame, box in zip(tube.frames.tolist(), tube.boxes.astype(np.float64), strict=True):
                truth.setdefault((frame, tube.label), []).append(box)
        annotated = {frame for frame, _ in truth}
        found = frame_detections(detections[video], annotation.num_frames, protocol.frame_nms)
        for frame, label, score, box in found:
            if protocol.annotated_frames_only and frame not in annotated:
                continue
            boxes = truth.get((frame, label), [])
            overlaps = [overlap_with_truth(box, t[None], protocol.inclusive)[0] for t in boxes]
            frame_records.setdefault(label, []).append((score, (video, frame), overlaps))
        tubes = link(detections[video], annotation.num_frames, protocol.linking)
        for label in range(len(annotations.labels)):
            queue = [tube[1:] for tube in tubes if tube[0] == label]
            queue.sort(key=lambda tube: -tube[0])
            true = [(t.frames[0], t.boxes) for t in annotation.tubes if t.label == label]
            while queue:
                best, *queue = queue
                overlaps = [tube_iou(best[1:], t, protocol.inclusive) for t in true]
                tube_records.setdefault(label, []).append((best[0], video, overlaps))
                queue = [t for t in queue if tube_iou(best[1:], t[1:]) <= protocol.tube_nms_iou]
    for label, name in enumerate(annotations.labels):
        tubes = [t for v in names for t in annotations.videos[v].tubes if t.label == label]
        if not tubes or name in protocol.left_out:
            continue
        ranked = sorted(frame_records.get(label, []), key=lambda d: -d[0])
        rule = protocol.average_precision
        right = matches(ranked, 0.5, protocol.rematch)
        positives = sum(len(tube) for tube in tubes)
        metrics[f"AP/frame_mAP@0.5/{name}"] = 100 * average_precision(right, positives, rule)
        ranked = sorted(tube_records.get(label, []), key=lambda d: -d[0])
        for metric in protocol.metrics[1:]:
            aps = [
                average_precision(matches(ranked, t, protocol.rematch), len(tubes), rule)
                for t in THRESHOLDS[metric]
            ]
            metrics[f"AP/{metric}/{name}"] = 100 * np.mean(aps)
    for metric in protocol.metrics:
        aps = [value for key, value in metrics.items() if key.startswith(f"AP/{metric}/")]
        metrics[metric] = np.mean(aps)
    return metrics


def error_analysis(detections, annotations, videos, protocol):
    """Percent points of frame-AP lost to each kind of mistake, by label."""
    ranked = {label: [] for label in range(len(annotations.labels))}
    positives = dict.fromkeys(ranked, 0)
    for video in sorted(videos):
        annotation = annotations.videos[video]
        truth = {}  # frame: [(label, box)]
        for tube in annotation.tubes:
            positives[tube.label] += len(tube)
            for frame, box in zip(tube.frames.tolist(), tube.boxes.astype(np.float64), strict=True):
                truth.setdefault(frame, []).append((tube.label, box))
        if video not in detections:
            continue
        found = frame_detections(detections[video], annotation.num_frames, protocol.frame_nms)
        for frame, label, score, box in found:
            if protocol.annotated_frames_only and frame not in truth:
                continue
            on_frame = [
                (other, overlap_with_truth(box, true[None], protocol.inclusive)[0])
                for other, true in truth.get(frame, [])
            ]
            overlaps = [value for other, value in on_frame if other == label]
            if overlaps:
                mistake = "localization"
            elif any(value >= 0.5 for _, value in on_frame):
                mistake = "classification"
            elif not on_frame and any(tube.label == label for tube in annotation.tubes):
                mistake = "timing"
            else:
                mistake = "other"
            ranked[label].append((score, (video, frame), overlaps, mistake))
    return {
        annotations.labels[label]: losses(ranked[label], positives[label], protocol.rematch)
        for label in ranked
        if positives[label] and annotations.labels[label] not in protocol.left_out
    }


def losses(detections, num_positives, rematch):
    """Areas under the shares of each kind of mistake; (score, place, overlaps, mistake) each."""
    detections = sorted(detections, key=lambda detection: -detection[0])
    right = matches([detection[:3] for detection in detections], 0.5, rematch)
    areas = dict.fromkeys(("localization", "classification", "timing", "other"), 0.0)
    counts, shares = dict.fromkeys(areas, 0), dict.fromkeys(areas, 0.0)
    for rank, (detection, is_right) in enumerate(zip(detections, right, strict=True), start=1):
        counts[detection[3]] += not is_right
        for kind in areas:
            before, shares[kind] = shares[kind], counts[kind] / rank
            areas[kind] += 100 / num_positives * is_right * (before + shares[kind]) / 2
    return {**areas, "missed": 100 * (1 - sum(right) / num_positives)}
