package oapitest

import (
	"cmp"
	"maps"
	"slices"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
)

const (
	maxTagText = 255
	keptTags   = 16
)

// tagHistory remembers recent versions of the tags of a resource, so that a read can be stale.
type tagHistory []tagVersion

type tagVersion struct {
	at   time.Time
	tags map[string]string
}

func newTags(at time.Time, tags map[string]string) tagHistory {
	return tagHistory{{at: at, tags: maps.Clone(tags)}}
}

func (h *tagHistory) current() map[string]string {
	if len(*h) == 0 {
		return nil
	}
	return (*h)[len(*h)-1].tags
}

// asOf returns the tags as a reader sees them who is behind until then.
func (h *tagHistory) asOf(at time.Time) map[string]string {
	for _, version := range slices.Backward(*h) {
		if !version.at.After(at) {
			return version.tags
		}
	}
	return nil
}

func (h *tagHistory) change(at time.Time, edit func(map[string]string)) {
	tags := map[string]string{}
	maps.Copy(tags, h.current())
	edit(tags)
	*h = append(*h, tagVersion{at: at, tags: tags})
	if len(*h) > keptTags {
		*h = slices.Delete(*h, 0, 1)
	}
}

func (h *tagHistory) set(at time.Time, tags map[string]string) {
	h.change(at, func(all map[string]string) { maps.Copy(all, tags) })
}

func (h *tagHistory) remove(at time.Time, keys ...string) {
	h.change(at, func(all map[string]string) {
		for _, key := range keys {
			delete(all, key)
		}
	})
}

// resourceTags words tags as the API does, in order of their keys.
func resourceTags(tags map[string]string) *[]osc.ResourceTag {
	out := make([]osc.ResourceTag, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, osc.ResourceTag{Key: key, Value: tags[key]})
	}
	return &out
}

// taggable is any resource that can carry tags.
type taggable struct {
	kind    string
	history *tagHistory
}

func (r *Region) taggables(ids []string) ([]taggable, error) {
	out := make([]taggable, 0, len(ids))
	for _, id := range ids {
		if !wellFormed(id) {
			return nil, fail("4025", "the resource ID %q is malformed", id)
		}
	}
	for _, id := range ids {
		resource, ok := r.taggable(id)
		if !ok {
			return nil, fail(missingCode(id), "the resource %s does not exist", id)
		}
		out = append(out, resource)
	}
	return out, nil
}

func (r *Region) taggable(id string) (taggable, bool) {
	if m, ok := r.byID[id]; ok {
		return taggable{kind: "instance", history: &m.tags}, true
	}
	if resource, ok := r.world.taggable(id); ok {
		return resource, true
	}
	for _, v := range r.volumes {
		if v.id == id {
			return taggable{kind: "volume", history: &v.tags}, true
		}
	}
	return taggable{}, false
}

func checkTag(tag osc.ResourceTag) error {
	switch {
	case tag.Key == "":
		return fail("4069", "the key of a tag is empty")
	case len(tag.Key) > maxTagText || len(tag.Value) > maxTagText:
		return fail("4106", "the tag %.20q is longer than %d characters", tag.Key, maxTagText)
	}
	return nil
}

func createTags(r *Region, c *call, req osc.CreateTagsRequest) (reply, error) {
	resources, err := r.tagTargets(req.ResourceIds, req.Tags)
	if err != nil || c.dryRun || c.faults.tagsStripped {
		return reply{}, err
	}
	tags := map[string]string{}
	for _, tag := range req.Tags {
		tags[tag.Key] = tag.Value
	}
	for _, resource := range resources {
		resource.history.set(r.Clock.Now(), tags)
	}
	r.dirty = true
	return reply{}, nil
}

// deleteTags removes a tag that was given with a value only if it still has that value.
func deleteTags(r *Region, c *call, req osc.DeleteTagsRequest) (reply, error) {
	resources, err := r.tagTargets(req.ResourceIds, req.Tags)
	if err != nil || c.dryRun {
		return reply{}, err
	}
	for _, resource := range resources {
		resource.history.change(r.Clock.Now(), func(all map[string]string) {
			for _, tag := range req.Tags {
				if tag.Value == "" || all[tag.Key] == tag.Value {
					delete(all, tag.Key)
				}
			}
		})
	}
	r.dirty = true
	return reply{}, nil
}

func (r *Region) tagTargets(ids []string, tags []osc.ResourceTag) ([]taggable, error) {
	if len(ids) == 0 || len(tags) == 0 {
		return nil, fail("7000", "ResourceIds and Tags must not be empty")
	}
	for _, tag := range tags {
		if err := checkTag(tag); err != nil {
			return nil, err
		}
	}
	return r.taggables(ids)
}

func readTags(r *Region, c *call, q query) (reply, error) {
	var items []osc.Tag
	at := r.Clock.Now().Add(-c.faults.staleTags)
	for _, id := range r.taggedIDs() {
		resource, _ := r.taggable(id)
		tags := resource.history.asOf(at)
		for _, key := range slices.Sorted(maps.Keys(tags)) {
			items = append(items, osc.Tag{Key: new(key), Value: new(tags[key]), ResourceId: new(id), ResourceType: new(resource.kind)})
		}
	}
	slices.SortStableFunc(items, func(a, b osc.Tag) int { return cmp.Compare(a.GetResourceId(), b.GetResourceId()) })
	return read(r, c, q, list[osc.Tag]{
		name: "Tags", items: items,
		key: func(t osc.Tag) string { return t.GetResourceId() + " " + t.GetKey() },
		filter: filters[osc.Tag]{paths: map[string]string{
			"Keys": "Key", "Values": "Value", "ResourceIds": "ResourceId", "ResourceTypes": "ResourceType",
		}},
	})
}

func (r *Region) taggedIDs() []string {
	ids := r.world.ids()
	for _, m := range r.machines {
		ids = append(ids, m.id)
	}
	for _, v := range r.volumes {
		ids = append(ids, v.id)
	}
	return ids
}
