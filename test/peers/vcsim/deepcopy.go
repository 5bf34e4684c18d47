package main

import "reflect"

// deepCopy copies a value with everything that it points to; values of govmomi's types hold no cycles.
func deepCopy(from reflect.Value) reflect.Value {
	switch from.Kind() {
	case reflect.Ptr:
		if from.IsNil() {
			return from
		}
		to := reflect.New(from.Type().Elem())
		to.Elem().Set(deepCopy(from.Elem()))
		return to
	case reflect.Interface:
		if from.IsNil() {
			return from
		}
		to := reflect.New(from.Type()).Elem()
		to.Set(deepCopy(from.Elem()))
		return to
	case reflect.Slice:
		if from.IsNil() {
			return from
		}
		to := reflect.MakeSlice(from.Type(), from.Len(), from.Len())
		for i := 0; i < from.Len(); i++ {
			to.Index(i).Set(deepCopy(from.Index(i)))
		}
		return to
	case reflect.Struct:
		to := reflect.New(from.Type()).Elem()
		to.Set(from)
		for i := 0; i < from.NumField(); i++ {
			if to.Field(i).CanSet() {
				to.Field(i).Set(deepCopy(from.Field(i)))
			}
		}
		return to
	default:
		return from
	}
}
