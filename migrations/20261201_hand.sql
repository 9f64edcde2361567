-- What a hand says of the faces of a picture stands in `detections` and `faces` under names in place of a
-- detector's digest: 'hand' for boxes that a hand made (their score is 1 and stands for no detector; heads are
-- cut of them under the same name), 'deleted' for places where it took a box away, 'checked' for the boxes that
-- it found right. They are few among millions: the index finds them.
CREATE INDEX faces_by_hand ON faces (image) WHERE detector IN ('hand', 'deleted');
CREATE INDEX detections_checked ON detections (image) WHERE detector = 'checked';
