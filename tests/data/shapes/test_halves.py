from glip_pl.data.shapes.halves import half_of


def test_each_half_knows_its_own_categories_in_its_own_pictures() -> None:
    categories = [{"id": number, "name": "abcd"[number - 1]} for number in (1, 2, 3, 4)]
    boxes = [
        {"image_id": image, "category_id": label} for image in (7, 8) for label in (1, 2, 3, 4)
    ]
    content = {"images": [{"id": 7}, {"id": 8}], "annotations": boxes, "categories": categories}
    first, second = (half_of(content, number) for number in (0, 1))
    assert first["images"] == [{"id": 7, "looked_for_category_ids": [1, 2]}]
    assert second["images"] == [{"id": 8, "looked_for_category_ids": [3, 4]}]
    assert first["annotations"] == boxes[:2] and second["annotations"] == boxes[6:]
    assert first["categories"] == second["categories"] == categories
